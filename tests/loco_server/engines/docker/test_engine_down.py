"""An engine that stops answering, at any point: said so, nothing concluded, and the next attempt finishes."""

import asyncio
import dataclasses
import tempfile
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from loco_server.engines.base import EngineDownError, LogQuery
from loco_server.engines.docker.engine import DockerEngine
from loco_spec.names import new_id
from tests.contract.engines import MemoryEdge, MemoryKeeper, Told, new_app, owner, rollout, unit
from tests.contract.test_engine import SUBNETS, World, web, world

__all__ = ["web", "world"]  # fixtures

pytestmark = pytest.mark.anyio

ENGINE = "/var/run/docker.sock"


class Line:
    """The way to the real engine, which can be cut and mended."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"unix://{self.path}"

    async def mend(self) -> None:
        self._server = await asyncio.start_unix_server(self._carry, self.path)

    async def cut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        self.path.unlink(missing_ok=True)
        for writer in list(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_unix_connection(ENGINE)
        self._writers |= {writer, far_writer}
        await asyncio.gather(_pipe(reader, far_writer), _pipe(far_reader, writer))
        self._writers -= {writer, far_writer}


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()
    except OSError:
        writer.transport.abort()


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    with tempfile.TemporaryDirectory() as folder:  # a socket's path is short
        line = Line(Path(folder) / "engine.sock")
        await line.mend()
        yield line
        await line.cut()


@pytest.fixture
async def wired(world: World, line: Line) -> AsyncIterator[World]:
    """The world, its engine reached by the line."""
    engine = DockerEngine(
        installation=world.installation,
        edge=world.edge,
        keeper=world.keeper,
        subnets=SUBNETS,
        data_dir=Path("/nowhere"),
        base_url=line.url,
    )
    yield dataclasses.replace(world, engine=engine)
    await engine.close()


async def test_without_an_engine_every_question_says_so_and_what_to_start() -> None:
    engine = DockerEngine(
        installation=new_id(),
        edge=MemoryEdge(),
        keeper=MemoryKeeper(),
        subnets=SUBNETS,
        data_dir=Path("/nowhere"),
        base_url="unix:///nowhere/docker.sock",
    )
    app = new_app()
    plan = rollout(app, 1, unit("image"))
    for question in (
        engine.check(),
        engine.prepare(app),
        engine.release(plan, ("true",), timeout_seconds=1, emit=Told(), guard=owner),
        engine.roll(plan, emit=Told(), guard=owner),
        engine.reconcile([plan], frozenset()),
        engine.status(app),
        engine.in_use(app),
        engine.destroy(app),
        engine.stop(),
        engine.remove_all(),
        anext(engine.logs(LogQuery(app=app))),
    ):
        with pytest.raises(EngineDownError, match=r"/nowhere/docker.sock does not answer .* start it with"):
            await question
    await engine.close()


@pytest.mark.engine
@pytest.mark.parametrize("cut_at", [1, 2, 3, 4])
async def test_an_engine_lost_in_mid_roll_concludes_nothing(wired: World, line: Line, cut_at: int) -> None:
    await wired.roll(wired.rollout(1))
    before, steps = wired.served, 0

    async def guard() -> None:
        nonlocal steps
        steps += 1
        if steps == cut_at:
            await line.cut()

    with pytest.raises(EngineDownError):
        await wired.engine.roll(wired.rollout(2), emit=Told(), guard=guard)
    assert wired.served == before or {route.cluster for route in wired.served.routes} == {f"{wired.app.app_id}-v2-http"}
    await line.mend()
    await wired.roll(wired.rollout(2, attempt=2))
    assert wired.names() == ["v2-1"]


@pytest.mark.engine
async def test_a_follower_is_told_and_resumes_where_it_was(wired: World, line: Line) -> None:
    await wired.roll(wired.rollout(1))
    position = None
    with pytest.raises(EngineDownError):  # noqa: PT012
        async with aclosing(wired.engine.logs(LogQuery(app=wired.app, follow=True))) as batches:  # type: ignore[type-var]
            async for batch in batches:
                assert [each.text for each in batch.lines] == ["listening on 8080"]
                position = batch.position
                await line.cut()
    await line.mend()
    assert await wired.batches(position=position) == []
