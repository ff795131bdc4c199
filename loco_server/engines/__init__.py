"""The seam of engines: who runs containers."""

MEMBERS = {
    "docker": "loco_server.engines.docker.engine:DockerEngine",
    "kubernetes": "loco_server.engines.kubernetes.engine:KubernetesEngine",
}
