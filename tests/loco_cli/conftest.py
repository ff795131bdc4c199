"""The CLI run in this process: its command line, a server that is a list of answers, and a clock that never waits."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pytest_httpx import HTTPXMock

from loco_cli import command_line
from loco_cli.client.http import Http
from loco_cli.config import Choice
from loco_cli.credentials import Credentials, Token
from tests.loco_cli.server import TOKEN, URL, Server


@dataclass(frozen=True)
class Said:
    """What a command ended with."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Everything on stdout, which is one JSON object."""
        return json.loads(self.out)

    @property
    def told(self) -> list[Any]:
        """The objects on stderr: what happened on the way."""
        return [json.loads(line) for line in self.err.splitlines()]

    @property
    def objects(self) -> list[Any]:
        """The objects on stdout, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]


Loco = Callable[..., Said]


@dataclass
class Clock:
    """Stands for the module `time`; time passes when somebody sleeps."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing goes to a proxy of the person who runs the tests."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def server(httpx_mock: HTTPXMock) -> Server:
    """The server that is used by default."""
    return Server(httpx_mock)


@pytest.fixture
def http() -> Http:
    """The client of that server, signed in."""
    return Http(Choice(URL, "the default"), Token(TOKEN, "LOCO_TOKEN"))


@pytest.fixture
def signed_in() -> Path:
    """A token for the default server; gives the file that it stands in."""
    credentials = Credentials()
    credentials.keep(URL, TOKEN)
    return credentials.path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An app's folder, named shop; the working directory."""
    path = tmp_path / "shop"
    path.mkdir()
    monkeypatch.chdir(path)
    return path


@pytest.fixture
def loco(capsys: pytest.CaptureFixture[str]) -> Loco:
    """Run one command line: `loco("status", "--json")`."""

    def run(*args: str | Path) -> Said:
        capsys.readouterr()
        code = command_line.run([str(arg) for arg in args])
        out, err = capsys.readouterr()
        return Said(int(code), out, err)

    return run


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time that the CLI sees, wherever it waits or measures."""
    clock = Clock()
    for module in (
        "following",
        "client.apps",
        "client.deployments",
        "client.http",
        "commands.deploy",
        "commands.events",
        "commands.logs",
        "commands.status",
        "commands.login",
        "build.push",
    ):
        monkeypatch.setattr(f"loco_cli.{module}.time", clock)
    return clock


@pytest.fixture
def types(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let somebody sit at a terminal, and type lines. No moving line is shown: it is a dumb terminal."""

    def sit_down(text: str) -> None:
        monkeypatch.setenv("TERM", "dumb")
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        monkeypatch.setattr(sys, "stdin", _Typed(text))

    return sit_down


class _Typed:
    """A terminal's stdin. At its end Ctrl-D was pressed."""

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines(keepends=True)

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        raise OSError("no file")

    def readline(self) -> str:
        return self._lines.pop(0) if self._lines else ""

    def read(self) -> str:
        return "".join(self._lines)

    @property
    def encoding(self) -> str:
        return "utf-8"
