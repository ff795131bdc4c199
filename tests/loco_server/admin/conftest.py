"""A server's operator socket, real, over real records on SQLite; the engine is in memory."""

import asyncio
import shutil
import socket
import tempfile
import threading
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from loco_server import main
from loco_server.admin.app import admin_app
from loco_server.edge.stopped import StoppedEdge
from loco_server.flows.suspend import Suspend
from loco_server.local.folder import make
from loco_server.records.database import Database
from loco_server.rollouts.plan import NOTICE
from loco_server.serving.listener import Listener
from loco_server.settings import Settings
from loco_server.wiring import Parts, wire
from tests.loco_server.fakes import FakeEngine
from tests.loco_server.records.databases import Records

T = TypeVar("T")


class Operated:
    """The server; `do` runs something in its loop."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(data_dir=folder)
        self.engine = FakeEngine()
        self.parts: Parts
        self.records: Records
        self._runner = asyncio.Runner()
        self._loop = self._runner.get_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def start(self) -> None:
        self._thread.start()
        self.do(self._start())

    def stop(self) -> None:
        self.do(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._runner.close()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _start(self) -> None:
        database = Database(self.settings.database_url)
        self.records = Records(self.settings.database_url)
        parts = await wire(
            self.settings,
            database=database,
            edge=StoppedEdge(),
            user="ann",
            server_key=b"k" * 32,
            collect_garbage=_nothing,
            cut_pushes=_cut,
        )
        await parts.rotation.unlock()
        suspend = Suspend(
            apps=parts.apps,
            deployments=parts.deployments,
            suspensions=parts.suspensions,
            engine=self.engine,
            closed=parts.closed,
            notice=NOTICE,
            cut_pushes=_cut,
            settle=_cut,
        )
        self.parts = replace(parts, engine=self.engine, suspend=suspend)
        bound = socket.socket(socket.AF_UNIX)
        bound.bind(str(self.settings.admin_socket))
        bound.listen()
        self._listener = Listener(admin_app(self.parts), bound)
        await self._listener.start()

    async def _stop(self) -> None:
        await self._listener.stop()
        await self.parts.suspend.close()
        await self.parts.database.close()
        await self.records.database.close()


async def _nothing() -> int:
    return 0


async def _cut() -> None: ...


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short enough for a socket's path."""
    found = Path(tempfile.mkdtemp(prefix="loco-"))
    yield found
    shutil.rmtree(found)


@pytest.fixture
def server(folder: Path, migrated_sqlite: Path) -> Iterator[Operated]:
    found = Operated(folder)
    make(found.settings)
    shutil.copy(migrated_sqlite, folder)
    found.start()
    yield found
    found.stop()


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


class Admin:
    """`loco-server admin …`, run in this process."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._folder = folder
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *argv: str) -> Done:
        self._monkeypatch.setattr("sys.argv", ["loco-server", "admin", "--data-dir", str(self._folder), *argv])
        with pytest.raises(SystemExit) as ended:
            main.main()
        said = self._capsys.readouterr()
        return Done(int(ended.value.code or 0), said.out, said.err)


@pytest.fixture
def admin(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Admin:
    return Admin(folder, monkeypatch, capsys)
