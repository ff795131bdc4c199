"""The seam of builders: who turns a context into an image in the engine. docs/builders.md compares them."""

MEMBERS = {
    "buildx": "loco_cli.build.builders.buildx:Buildx",
    "docker": "loco_cli.build.builders.docker_cli:DockerCli",
    "engine": "loco_cli.build.builders.engine_api:EngineApi",
    "podman": "loco_cli.build.builders.podman:Podman",
    "classic": "loco_cli.build.builders.classic:Classic",
}
"""In the order in which `auto` tries them (docs/decisions/0040-which-builder.md)."""
