"""What the contract suite of builders builds on: a member, its engine, and folders with Dockerfiles."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import docker

from loco_cli.build import files
from loco_cli.build.builders.base import Builder, Recipe
from loco_cli.build.builders.choose import load
from loco_cli.build.engine import Engine, connect
from loco_cli.build.progress import Progress, Step

BASE = "FROM loco-test/base:1\n"


class Build:
    """One build, its steps as they were told."""

    def __init__(self, changed: Callable[[Step], None] | None = None) -> None:
        self.steps: list[Step] = []
        self._changed = changed
        self.progress = Progress(self._listen)
        self.image = ""

    def state(self, text: str) -> str:
        """Give how the step ended that has the text in its name."""
        (found,) = (step for step in self.steps if text in step.name and step.own)
        return found.state

    def _listen(self, step: Step) -> None:
        if step not in self.steps:
            self.steps.append(step)
        if self._changed is not None:
            self._changed(step)


class World:
    """One member and the engine that it builds in."""

    def __init__(self, member: str, folder: Path) -> None:
        self.engine: Engine = connect()
        self.builder: Builder = load(member, self.engine)
        self.client = docker.from_env(version="auto", timeout=60)
        self.folder = folder
        self.tag = f"loco/builders/{uuid4().hex[:10]}:latest"

    def recipe(self, dockerfile: str, context: Mapping[str, bytes] | None = None, **changes: Any) -> Recipe:
        """Write the folder anew; give what to build."""
        shutil.rmtree(self.folder, ignore_errors=True)
        for path, content in {"Dockerfile": dockerfile.encode(), **(context or {})}.items():
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_bytes(content)
        rules = files.rules(self.folder, "Dockerfile")
        plain = Recipe(
            context=self.folder,
            dockerfile="Dockerfile",
            files=files.listing(self.folder, rules, "Dockerfile").entries,
            tag=self.tag,
            target=None,
            platform=None,
            args={},
            no_cache=False,
            pull=False,
            takes_back=rules.takes_back,
        )
        return replace(plain, **changes)

    def build(
        self,
        dockerfile: str,
        context: Mapping[str, bytes] | None = None,
        *,
        changed: Callable[[Step], None] | None = None,
        into: Build | None = None,
        **changes: Any,
    ) -> Build:
        assert self.builder.missing() == ""
        build = into or Build(changed)
        build.image = self.builder.build(self.recipe(dockerfile, context, **changes), build.progress)
        return build

    def inspect(self, image: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.api.inspect_image(image)
        return found

    def health_check(self, image: str) -> list[str]:
        """Give its command. Podman keeps it, and shows it in the API of its own only."""
        if not self.engine.is_podman:
            return list(self.inspect(image)["Config"]["Healthcheck"]["Test"])
        api = self.client.api
        return list(api._get(f"{api.base_url}/v4.0.0/libpod/images/{image}/json").json()["Healthcheck"]["Test"])

    def close(self) -> None:
        self.engine.close()
        self.client.close()


def running(command: str) -> list[int]:
    """Give the processes of this machine, inside containers too, with the text in their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if command in line:
            found.append(int(path.parent.name))
    return found
