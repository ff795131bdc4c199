"""The Distribution registry on this machine: its configuration, its process, and the collection of its garbage."""

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx

from loco_server import keys
from loco_server.local.processes import ProcessDiedError, Program, Supervised
from loco_server.registries import distribution
from loco_server.settings import Settings
from loco_spec.errors import UsageError
from loco_spec.names import LABEL_PREFIX

NAME = "registry"
IMAGE = "registry:3"
PUSH_FLOOR_BYTES = 16 << 20
"""Far below the floor for new deployments: a push that has begun may go on for a long time."""
_BINARIES = ("registry", "docker-registry")


class LocalRegistry:
    """The registry beside the server. A `docker-registry` service of the machine's own is another one, left alone."""

    def __init__(self, settings: Settings, *, say: Callable[[str], None]) -> None:
        self._settings = settings
        self._folder = settings.data_dir / "registry"
        self._collecting = False
        self._started_read_only = False
        self.process = Supervised(
            self._program,
            run_dir=settings.run_dir,
            log_dir=settings.log_dir,
            ready=self._ready,
            say=say,
            before_start=self._clear,
        )

    @property
    def read_only(self) -> bool:
        """Whether garbage is being collected: the gateway refuses writes meanwhile."""
        return self._collecting

    @property
    def full(self) -> bool:
        """Whether no layer more is to be begun: what is on its way may need what is left."""
        floor = min(self._settings.limits.free_space_bytes, PUSH_FLOOR_BYTES)
        return shutil.disk_usage(self._folder).free < floor

    async def garbage_collect(self) -> int:
        """Give the space of deleted images back; writes are refused meanwhile. Give the bytes freed.

        Raises:
            ProcessDiedError: the collection failed, or the registry does not come back (its watch goes on trying).
        """
        self._collecting = self._started_read_only = True
        try:
            before = await asyncio.to_thread(_size, self._folder)
            await self.process.restart()
            argv = _argv(self._settings, "garbage-collect", self._write_configuration())
            collection = await asyncio.create_subprocess_exec(
                *argv,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                stdin=asyncio.subprocess.DEVNULL,
            )
            output, _ = await collection.communicate()
            if collection.returncode != 0:
                lines = tuple(output.decode(errors="replace").splitlines()[-8:])
                raise ProcessDiedError("garbage collection", f"ended with exit code {collection.returncode}", lines)
            return max(0, before - await asyncio.to_thread(_size, self._folder))
        finally:
            self._started_read_only = False
            try:
                await self.process.restart()
            finally:
                self._collecting = False

    async def cut_pushes(self) -> None:
        """Cut everything that is being sent, now: the gateway decides at the first line of a request, which may last.

        Whoever may push still sends what was cut again, as every client does after a lost connection.

        Raises:
            ProcessDiedError: the registry does not come back (its watch goes on trying).
        """
        if not self._collecting:  # a collection has cut them already
            await self.process.restart()

    def _program(self) -> Program:
        path = self._write_configuration()
        environment = {"OTEL_TRACES_EXPORTER": "none"}  # version 3 looks for a collector otherwise
        argv = _argv(self._settings, "serve", path)
        return Program(NAME, argv, configuration=path.read_text(encoding="utf-8"), environment=environment)

    def _write_configuration(self) -> Path:
        path = self._folder / "config.yml"
        self._folder.mkdir(mode=0o700, exist_ok=True)
        fresh = path.with_suffix(".new")
        text = json.dumps(configuration(self._settings, read_only=self._started_read_only), indent=1)  # JSON is YAML
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
        fresh.replace(path)
        return path

    async def _ready(self) -> bool:
        transport = httpx.AsyncHTTPTransport(uds=str(self._settings.registry_socket))
        async with httpx.AsyncClient(transport=transport, timeout=1) as client:
            try:
                return (await client.get("http://registry/v2/")).status_code == 401
            except httpx.HTTPError:
                return False

    def _clear(self) -> None:
        """Remove what a killed registry leaves: its socket's file, or its container; the next could not start."""
        self._settings.registry_socket.unlink(missing_ok=True)
        argv = self._program().argv
        if "run" in argv:
            remove = [argv[0], "rm", "--force", argv[argv.index("--name") + 1]]
            subprocess.run(remove, check=False, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)


def configuration(settings: Settings, *, read_only: bool) -> dict[str, object]:
    """Give Distribution's configuration; it holds a secret."""
    key = keys.signing_key(settings.keys_dir / keys.UPSTREAM_KEY)
    certificate = settings.keys_dir / keys.UPSTREAM_CERTIFICATE
    keys.certificate(certificate, key, distribution.ISSUER)
    return {
        "version": "0.1",
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": str(settings.data_dir / "registry" / "storage")},
            "delete": {"enabled": True},
            "redirect": {"disable": True},
            "maintenance": {
                "readonly": {"enabled": read_only},
                "uploadpurging": {"enabled": True, "age": "24h", "interval": "1h", "dryrun": False},
            },
        },
        "http": {
            "net": "unix",
            "addr": str(settings.registry_socket),
            "relativeurls": True,
            "secret": _upload_secret(settings.keys_dir / keys.UPLOADS_KEY),
        },
        "auth": {
            "token": {
                "realm": f"{settings.api_url}/registry/token",
                "service": distribution.SERVICE,
                "issuer": distribution.ISSUER,
                "rootcertbundle": str(certificate),
            }
        },
    }


def program(settings: Settings) -> str:
    """Give what would be run.

    Raises:
        UsageError: there is nothing.
    """
    return _argv(settings, "serve", Path())[0]


def _argv(settings: Settings, command: str, path: Path) -> tuple[str, ...]:
    """Give how to run Distribution: its own binary, Debian's, or the image in a container.

    Raises:
        UsageError: there is none of them.
    """
    for name in _BINARIES:
        found = shutil.which(name)
        if found is not None:
            return found, command, str(path)
    docker = shutil.which("docker")
    if docker is None:
        raise UsageError(
            "there is no registry on this machine",
            hint="apt-get install docker-registry, or install Docker, which runs it from the image registry:3",
        )
    return container_argv(docker, settings, command, path)


def container_argv(docker: str, settings: Settings, command: str, path: Path) -> tuple[str, ...]:
    """Give how to run Distribution in a container, in the foreground: it ends with its `docker run`.

    The folders are mounted under their own names, so that one configuration serves both ways.
    """
    mounts = (settings.data_dir / "registry", settings.run_dir, settings.keys_dir)
    name = f"loco-registry-{settings.ports.registry}-{command}"
    return (
        *(docker, "run", "--rm", "--name", name, "--network", "none", "--user", f"{os.getuid()}:{os.getgid()}"),
        *("--label", f"{LABEL_PREFIX}part=registry"),
        *("--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--env", "OTEL_TRACES_EXPORTER=none"),
        *(part for folder in mounts for part in ("--volume", f"{folder}:{folder}")),
        *(IMAGE, command, str(path)),
    )


def _upload_secret(path: Path) -> str:
    """Give what signs the state of uploads: the same after a restart, or uploads under way would be lost."""
    try:
        return keys.uploads_key(path).decode()
    except ValueError:  # cut by a crash: another one costs no more than the uploads that were under way
        path.unlink()
        return keys.uploads_key(path).decode()


def _size(folder: Path) -> int:
    """Bytes that the files of the folder take up."""
    return sum((Path(root) / name).stat().st_blocks * 512 for root, _, names in os.walk(folder) for name in names)
