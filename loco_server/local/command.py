"""What the operator asks of the local platform: start, status, stop, reset. All of it works without the server."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

from loco_server.engines.base import EngineDownError
from loco_server.local import folder
from loco_server.local.lock import FolderTakenError, Holder, held, holder
from loco_server.local.processes import ProcessDiedError, recorded, stop_recorded
from loco_server.local.server import LocalServer
from loco_server.records import schema
from loco_server.settings import Ports, Public, Settings, local_settings
from loco_server.telemetry import logs
from loco_spec.errors import Conflict, LocoError, NotFound, ServerFault, StillGoing, UsageError

CHILDREN = ("envoy", "registry")
START_SECONDS = 60.0
STOP_SECONDS = 60.0


def run(data_dir: Path, ports: Ports, *, domain: str, public: Public, database: str | None) -> int:
    """Serve the world under a domain, in the foreground, until a signal ends it; what it serves goes on without it.

    Raises:
        LocoError: it cannot be started.
    """
    settings = _settings(data_dir, ports, domain=domain, public=public, database=database)
    return _served(settings, again="loco-server run")


def migrate(data_dir: Path) -> int:
    """Bring the records in the data folder to this version's schema, while no server has them.

    Raises:
        Conflict: a server has them, or they are a newer version's.
        NotFound: there are none.
    """
    if not folder.exists(data_dir):
        raise NotFound(f"there are no records in {data_dir}", hint="--data-dir, or LOCO_DATABASE_URL for PostgreSQL")
    settings = _settings(data_dir, Ports())
    try:
        with held(data_dir, api_url=settings.api_url):
            folder.migrate(settings, say=_say)
    except FolderTakenError as e:
        raise _taken(settings, e.holder) from e
    _say(f"schema {schema.head()}")
    return 0


def start(data_dir: Path, ports: Ports, *, detach: bool) -> int:
    """Start the platform; in the foreground until a signal ends it, detached until it answers. Give the exit code.

    Raises:
        LocoError: it cannot be started; nothing was left behind.
    """
    settings = _settings(data_dir, ports)
    return _detach(settings) if detach else _served(settings, again="loco-server local")


def _served(settings: Settings, *, again: str) -> int:
    try:
        asyncio.run(LocalServer(settings, say=logs.teller(settings.telemetry.log_format)).run())
    except FolderTakenError as e:
        raise _taken(settings, e.holder) from e
    except ProcessDiedError as e:
        raise ServerFault(str(e), hint=f"look at {settings.log_dir}, then: {again}") from e
    except EngineDownError as e:
        raise LocoError(str(e), hint=f"docker info tells whether it answers; then: {again}") from e
    return 0


def status(data_dir: Path) -> int:
    """Print what runs. 0: all of it; 1: not."""
    found = holder(data_dir)
    alive = found is not None and found.is_alive()
    if found is not None and alive:
        _say(f"server    runs (pid {found.pid}), {found.api_url}")
    else:
        _say("server    does not run")
    for name in CHILDREN:
        child = recorded(data_dir / "run", name)
        _say(f"{name:<9} {f'runs (pid {child.pid})' if child is not None and child.is_alive() else 'does not run'}")
        alive = alive and child is not None and child.is_alive()
    _say(f"data      {data_dir}")
    return 0 if alive else 1


def stop(data_dir: Path, database: str | None = None) -> int:
    """Stop the server, the edge, the registry and the apps, whoever of them still runs.

    Raises:
        StillGoing: the server did not end in time.
        LocoError: the engine does not answer. All else is stopped; the message says what is left.
    """
    _stop_processes(data_dir)
    if folder.exists(data_dir) or database is not None:
        # Also after a server that ended by itself: it ends without an engine too, and then the apps run on.
        _with_engine(
            data_dir,
            database,
            remove=False,
            left="the apps' containers are as they were",
            hint="start the engine, then: loco-server local stop",
        )
    return 0


def _stop_processes(data_dir: Path) -> None:
    """Stop server, edge and registry, and say what there was to stop."""
    found = holder(data_dir)
    if found is not None and found.is_alive():
        os.kill(found.pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while found.is_alive():
            if time.monotonic() > deadline:
                raise StillGoing(
                    f"the server (pid {found.pid}) did not end within {STOP_SECONDS:.0f} s", hint=f"kill -9 {found.pid}"
                )
            time.sleep(0.05)
        for name in CHILDREN:  # a public machine's go on without it
            stop_recorded(data_dir / "run", name)
        _say("stopped")
        return
    left = [name for name in CHILDREN if stop_recorded(data_dir / "run", name)]
    _say(f"stopped what a killed server had left: {', '.join(left)}" if left else "nothing was running")


def reset(data_dir: Path, database: str | None = None) -> int:
    """Stop everything and remove it: containers, networks, rules, images, records.

    Raises:
        StillGoing: the server did not end in time.
        LocoError: the engine does not answer. The records stay then: only they tell which containers are loco's.
    """
    _stop_processes(data_dir)
    if folder.exists(data_dir) or database is not None:
        _with_engine(
            data_dir,
            database,
            remove=True,
            left=f"the apps' containers are left, and {data_dir}, which tells which ones they are",
            hint=f"start the engine, then: loco-server local reset; with no engine any more: rm -r {data_dir}",
        )
    if data_dir.exists():
        folder.refuse_strange(data_dir)
        for path in data_dir.iterdir():
            for each in path.iterdir() if path.is_mount() else [path]:  # the registry may have a disk of its own
                if each.is_dir() and not each.is_symlink():
                    shutil.rmtree(each)
                else:
                    each.unlink()
        try:
            data_dir.rmdir()
        except OSError:
            _say(f"{data_dir} is empty now; it cannot be removed itself (a mount point?)")
    _say("removed")
    return 0


def _with_engine(data_dir: Path, database: str | None, *, remove: bool, left: str, hint: str) -> None:
    """Stop or remove the installation's containers without a server; records in the folder come before `database`.

    Raises:
        LocoError: the engine does not answer; says what is left.
    """
    settings = _settings(data_dir, Ports(), database=None if folder.exists(data_dir) else database)
    try:
        asyncio.run(LocalServer(settings, say=_say).clean(remove=remove))
    except FolderTakenError as e:  # started by somebody else since
        raise _taken(settings, e.holder) from e
    except EngineDownError as e:
        raise LocoError(f"{e}; {left}", hint=hint) from e


def _detach(settings: Settings) -> int:
    found = holder(settings.data_dir)
    if found is not None and found.is_alive():
        _say(f"runs already (pid {found.pid}), {found.api_url}")
        return 0
    folder.make(settings)
    log = settings.log_dir / "server.log"
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    argv = [sys.executable, "-m", "loco_server.main", "local", "--data-dir", str(settings.data_dir)]
    ports = settings.ports
    argv += [f"--api-port={ports.api}", f"--edge-port={ports.edge}", f"--registry-port={ports.registry}"]
    with open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as output:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/", start_new_session=True
        )
    deadline = time.monotonic() + START_SECONDS
    while not _answers(settings, process.pid):
        if process.poll() is not None:
            raise _not_started(log)
        if time.monotonic() > deadline:
            process.terminate()
            raise StillGoing(f"the server did not answer within {START_SECONDS:.0f} s", hint=f"look at {log}")
        time.sleep(0.05)
    _say(f"runs (pid {process.pid}), {settings.api_url}")
    _say(f"next: loco login --server {settings.api_url}")
    return 0


def _not_started(log: Path) -> LocoError:
    """Give again what the detached server said when it ended: the person sees no log."""
    said = log.read_text(errors="replace").strip().splitlines()
    errors = [line.removeprefix("error: ") for line in said if line.startswith("error: ")]
    hints = [line.removeprefix("next: ") for line in said if line.startswith("next: ")]
    message = errors[-1] if errors else "the server ended: " + (" / ".join(said[-3:]) or "it said nothing")
    return ServerFault(message, hint=hints[-1] if hints else f"look at {log}")


def _answers(settings: Settings, pid: int) -> bool:
    """Whether that process is the server that answers: another one may have the port."""
    found = holder(settings.data_dir)
    if found is None or found.pid != pid:
        return False
    try:
        with socket.socket(socket.AF_UNIX) as own:  # bound after the port, which was free then
            own.connect(str(settings.admin_socket))
        return httpx.get(f"{settings.api_url}/v1/server", timeout=1, trust_env=False).status_code == 200
    except (OSError, httpx.TransportError):
        return False


def _settings(
    data_dir: Path,
    ports: Ports,
    *,
    domain: str = Settings.domain,
    public: Public | None = None,
    database: str | None = None,
) -> Settings:
    try:
        return local_settings(data_dir, ports, domain=domain, public=public, database=database)
    except ValueError as e:
        raise UsageError(str(e), hint="correct the variable and start again") from e


def _taken(settings: Settings, found: Holder | None) -> LocoError:
    who = f" (pid {found.pid}, {found.api_url})" if found is not None else ""
    return Conflict(
        f"another loco-server serves {settings.data_dir}{who}",
        hint=f"loco-server local stop --data-dir {settings.data_dir}, or another --data-dir",
    )


def _say(message: str) -> None:
    print(message, flush=True)  # noqa: T201  the operator's terminal, or the log
