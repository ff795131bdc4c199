"""A whole local platform in a temporary folder, and the CLI run against it as a person runs it: as processes."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.ports import free_ports
from tests.waiting import eventually

BIN = Path(sys.executable).parent


class Begun:
    """A running command and what it has said."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def said(self) -> str:
        return "".join(self.lines)

    def ended(self, *, within: float = 60) -> int:
        """Wait for its end; give its exit code."""
        code = self.process.wait(timeout=within)
        self._reader.join()
        return code

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(iter(self.process.stdout.readline, ""))


@dataclass
class Stack:
    """One installation; `start` runs its server in the foreground, as a child of the test."""

    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="loco-e2e-")))
    environment: dict[str, str] = field(default_factory=dict)
    prefix: tuple[str, ...] = ()
    """What the CLI is run by, where that is not simply here."""
    program: tuple[str | Path, ...] = (BIN / "loco-server",)
    """What `start` starts."""
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.data_dir = self.folder / "data"
        self.home = self.folder / "home"
        self.home.mkdir()
        self.api, self.edge, self.registry = free_ports(3)
        self.url = f"http://127.0.0.1:{self.api}"

    # --- the server ---------------------------------------------------------------------------------------------

    def server(self, *args: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `loco-server local …` to its end."""
        return subprocess.run(
            [BIN / "loco-server", "local", "--data-dir", str(self.data_dir), *args],
            check=check,
            capture_output=True,
            text=True,
            timeout=120,
            env=self.env(**environment),
        )

    def operator(self, *args: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `loco-server …` to its end, whichever command."""
        found = subprocess.run(
            [BIN / "loco-server", *args],
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
            env=self.env(**environment),
        )
        assert not check or found.returncode == 0, f"{found.stdout}\n{found.stderr}\n{self.output()}"
        return found

    @property
    def ports(self) -> list[str]:
        return [f"--api-port={self.api}", f"--edge-port={self.edge}", f"--registry-port={self.registry}"]

    def start(self, *argv: str) -> None:
        """Start the server (`local`, unless told otherwise) as a child and wait until it answers."""
        log = (self.folder / "server.out").open("ab")
        self.process = subprocess.Popen(
            [*self.program, *(argv or ("local", "--data-dir", str(self.data_dir), *self.ports))],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            env=self.env(),
        )
        log.close()
        eventually(self.answers, within=90)

    def answers(self) -> bool:
        assert self.process is None or self.process.poll() is None, self.output()
        try:
            return httpx.get(f"{self.url}/v1/server", timeout=1).status_code == 200
        except httpx.TransportError:
            return False

    def output(self) -> str:
        return (self.folder / "server.out").read_text()

    def kill(self) -> None:
        """SIGKILL the server process alone."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """SIGTERM, and wait for the end."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=60) == 0, self.output()

    def remove(self) -> None:
        """Whatever the test left running: gone, and the folder with it."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.server("reset", "--yes", check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- the CLI ------------------------------------------------------------------------------------------------

    def env(self, **more: str) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "DOCKER_HOST", "LOCO_SUBNETS") if name in os.environ}
        return {
            **kept,
            "HOME": str(self.home),
            "NO_COLOR": "1",
            "COLUMNS": "80",
            "LOCO_SERVER": self.url,
            "LOCO_CREDENTIAL_STORE": "file",
            "LOCO_TEAM_DEPLOYMENTS_PER_HOUR": "100000",  # the tests of a session are one team's, and an hour's
            **self.environment,
            **more,
        }

    def loco(
        self,
        *args: str | Path,
        cwd: Path | None = None,
        exit_code: int | None = 0,
        timeout: float = 120,
        given: str = "",
        **more: str,
    ) -> subprocess.CompletedProcess[str]:
        """Run the CLI to its end and check how it ended (None: do not). `given`: what it reads from stdin."""
        found = subprocess.run(
            [*self.prefix, BIN / "loco", *map(str, args)],
            check=False,
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=cwd or self.folder,
            input=given,
            env=self.env(**more),
        )
        assert exit_code is None or found.returncode == exit_code, (
            f"loco {' '.join(map(str, args))} ended with {found.returncode}\n"
            f"{found.stdout}\n{found.stderr}\n{self.output()}"
        )
        return found

    @contextmanager
    def begin(self, *args: str | Path, cwd: Path | None = None, **more: str) -> Iterator[Begun]:
        """Start the CLI and let it run; its lines are collected as they come. Killed at the end of the block."""
        with self.begin_any(BIN / "loco", *args, cwd=cwd, **more) as begun:
            yield begun

    @contextmanager
    def begin_any(self, *argv: str | Path, cwd: Path | None = None, **more: str) -> Iterator[Begun]:
        """The same with whichever command."""
        process = subprocess.Popen(
            [*self.prefix, *map(str, argv)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            cwd=cwd or self.folder,
            env=self.env(**more),
        )
        with process:
            begun = Begun(process)
            try:
                yield begun
            finally:
                process.kill()
                begun.ended()

    def json(self, *args: str | Path, **more: Any) -> Any:
        """Run the CLI with --json and give the last object's result."""
        lines = self.loco(*args, "--json", **more).stdout.strip().splitlines()
        return json.loads(lines[-1])["result"]

    # --- the apps -----------------------------------------------------------------------------------------------

    def app(self, name: str, dockerfile: str, *, toml: str = "", files: dict[str, str] | None = None) -> Path:
        """Write an app's folder."""
        folder = self.folder / "apps" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "Dockerfile").write_text(dockerfile)
        (folder / "loco.toml").write_text(toml)
        for path, content in (files or {}).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(content)
        return folder

    def get(self, host: str, path: str = "/", **options: Any) -> httpx.Response:
        """Ask the edge, as a browser that resolved `<host>.localhost` would."""
        headers = {"host": f"{host}.localhost:{self.edge}", **options.pop("headers", {})}
        return httpx.get(f"http://127.0.0.1:{self.edge}{path}", headers=headers, timeout=10, **options)

    def client(self) -> httpx.Client:
        """Give a client of the API with the person's own token."""
        credentials = json.loads(next(self.home.rglob("credentials.json")).read_text())
        return httpx.Client(base_url=self.url, headers={"authorization": f"Bearer {_token(credentials)}"}, timeout=30)


def _token(value: Any) -> str:
    """The one loco token somewhere in the credential file."""
    if isinstance(value, str):
        return value if value.startswith("loco_") else ""
    return next((found for item in (value.values() if isinstance(value, dict) else []) if (found := _token(item))), "")


HTTPD = """\
FROM loco-test/base:1
COPY www /www
USER 10001
STOPSIGNAL SIGKILL
CMD ["httpd", "-f", "-vv", "-p", "8080", "-h", "/www"]
"""
"""An app that serves its folder `www` and logs a line for each request."""

QUICK = """\
[health]
interval = "1s"
grace = "10s"
[deploy]
drain = "2s"
timeout = "30s"
"""


def httpd(stack: Stack, name: str = "hello", *, text: str = "hello", toml: str = QUICK) -> Path:
    """Give the folder of an app that answers with `text`."""
    return stack.app(name, HTTPD, toml=toml, files={"www/index.html": text})


@contextmanager
def running(**environment: str) -> Iterator[Stack]:
    """A platform that runs, and somebody who is signed in to it."""
    found = Stack(environment=environment)
    try:
        found.start()
        found.loco("login")
        yield found
    finally:
        found.remove()


class Clock:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._start
