"""The seam of builders: who turns a context into an image in the engine."""

MEMBERS = {
    "docker": "loco_cli.build.builders.docker_cli:DockerCli",
    "engine": "loco_cli.build.builders.engine_api:EngineApi",
}
"""In the order in which `auto` tries them."""
