"""The seam of registries: who keeps images."""

MEMBERS = {
    "distribution": "loco_server.registries.distribution:Distribution",
    "gitlab": "loco_server.registries.gitlab:GitLab",
    "harbor": "loco_server.registries.harbor:Harbor",
}
