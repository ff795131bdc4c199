"""Watches a machine while something runs on it: the argv of every process, and what an engine makes."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, NotFound

from loco_server.engines.docker import names
from tests.e2e.searching import Search

_EVERY = 0.008
"""Seconds between two looks at the processes: no program that does anything is quicker."""
_YOUNG = 50
"""For so many looks it is looked what a process has become; then at each of so many, as few become another so late."""


class Processes:
    """Every command line that there was, and the environments of those processes that name a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder).encode()
        self._argv: dict[bytes, None] = {}
        self._environments: dict[tuple[bytes, bytes], None] = {}
        self._known: dict[str, tuple[int, bytes]] = {}
        self.looks = 0

    def look(self) -> None:
        self.looks += 1
        for pid in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208  a path for each would take too long
            first, known = self._known.get(pid, (self.looks, b""))
            if self.looks > first + _YOUNG and self.looks % _YOUNG:
                continue
            with suppress(OSError):
                argv = Path("/proc", pid, "cmdline").read_bytes()
                if known == argv:
                    continue
                self._known[pid] = first, argv
                self._argv[argv] = None
                if self._folder in argv:
                    self._environments[argv, Path("/proc", pid, "environ").read_bytes()] = None

    def tell(self, search: Search) -> None:
        for argv in self._argv:
            search.keep(f"argv of {_words(argv)}", argv)
        for argv, environment in self._environments:
            search.keep(f"environment of {_words(argv)}", environment)

    @property
    def environments(self) -> list[str]:
        """Whose environments were seen."""
        return [_words(argv) for argv, _ in self._environments]


def _words(argv: bytes) -> str:
    """Name a process by its program and what comes first: `loco variables set`."""
    words = [word.decode(errors="replace").rpartition("/")[2] for word in argv.split(b"\0")]
    if words[0].startswith("python"):
        words = words[1:]
    return " ".join(words[:3])


class Made:
    """Each container that the engine makes meanwhile, as the engine tells it: at its start, and at its end."""

    def __init__(self, client: docker.DockerClient, search: Search, *, image: str) -> None:
        self._api = client.api
        self._search = search
        self._image = image
        self.apps: set[str] = set()
        """Whose containers were seen."""
        self.stream = client.events(decode=True)

    def read(self) -> None:
        for event in self.stream:
            if self._image not in json.dumps(event):  # somebody else's
                continue
            self._search.keep(f"event of the engine: {event['Action']}", json.dumps(event))
            if event["Type"] == "container" and event["Action"] in {"create", "start", "die"}:
                with suppress(NotFound):
                    self._inspected(self._api.inspect_container(event["Actor"]["ID"]))

    def _inspected(self, record: dict[str, Any]) -> None:
        name = record["Name"].removeprefix("/")
        app = record["Config"]["Labels"][names.APP]
        self._search.keep(f"Config.Env of a container of {app}", "\n".join(record["Config"].pop("Env")))
        self._search.keep(f"docker inspect {name}", json.dumps(record))
        self.apps.add(app)

    def images(self, *words: str) -> int:
        """Look at the images whose names have one of the words, and at how they were made; give their number."""
        count = 0
        for image in self._api.images():
            names = [*(image["RepoTags"] or ()), *(image["RepoDigests"] or ())]
            if any(word in name for name in names for word in words):
                with suppress(APIError):  # another run took it away
                    record, history = self._api.inspect_image(image["Id"]), self._api.history(image["Id"])
                    self._search.keep(f"docker inspect {names[0]}", json.dumps(record))
                    self._search.keep(f"docker history {names[0]}", json.dumps(history))
                    count += 1
        return count


@contextmanager
def processes(folder: Path) -> Iterator[Processes]:
    found, stopping = Processes(folder), threading.Event()

    def run() -> None:
        while not stopping.wait(_EVERY):
            found.look()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        stopping.set()
        thread.join()


@contextmanager
def made(client: docker.DockerClient, search: Search, *, image: str) -> Iterator[Made]:
    found = Made(client, search, image=image)
    thread = threading.Thread(target=found.read, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        found.stream.close()
        thread.join()
