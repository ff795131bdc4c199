"""Images for a cluster's nodes: pushed to a registry that they may pull from without signing in."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
import pytest
import yaml

from tests.waiting import eventually

VARIABLE = "LOCO_TEST_REGISTRY"
"""`host:port` of it, plain HTTP; started here when nobody listens."""


@contextmanager
def registry(folder: Path) -> Iterator[str]:
    """Give the registry's `host:port`."""
    address = os.environ.get(VARIABLE)
    if not address:
        pytest.skip(f"{VARIABLE} does not say which registry (host:port, plain HTTP) the cluster's nodes pull from")
    host, _, port = address.partition(":")
    if _answers(host, int(port)):
        yield address
        return
    binary = shutil.which("docker-registry") or shutil.which("registry")
    assert binary is not None, "apt-get install docker-registry"
    configuration = {
        "version": "0.1",
        "storage": {"filesystem": {"rootdirectory": str(folder / "images")}},
        "http": {"addr": address},
    }
    path = folder / "registry.yml"
    path.write_text(yaml.safe_dump(configuration))
    with (folder / "registry.log").open("wb") as log:
        process = subprocess.Popen([binary, "serve", str(path)], stdout=log, stderr=log)
    try:
        eventually(lambda: _answers(host, int(port)))
        yield address
    finally:
        process.terminate()
        process.wait(timeout=10)


def pushed(client: docker.DockerClient, image: str, registry: str, repository: str) -> str:
    """Push; give the image's name with its digest."""
    name = f"{registry}/{repository}"
    client.images.get(image).tag(name, "latest")
    digest = ""
    for record in client.api.push(name, tag="latest", stream=True, decode=True):
        assert "error" not in record, record
        digest = _digest(record) or digest
    assert digest, "the registry named no digest"
    return f"{name}@{digest}"


def _digest(record: dict[str, Any]) -> str:
    return str((record.get("aux") or {}).get("Digest", ""))


def _answers(host: str, port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex((host, port)) == 0
