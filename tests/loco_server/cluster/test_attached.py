"""`loco deploy --attach` on a real server: at a terminal and without one, through a proxy, over a restart."""

import asyncio
import os
import pty
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest
from aiohttp import web

from loco_server.records.values import AppRecord
from tests.kube.kubelet import Kubelet
from tests.kube.stub import Stub
from tests.loco_server.cluster.conftest import Start
from tests.loco_server.cluster.serving import Replica, session
from tests.loco_server.records.databases import Records
from tests.waiting import eventually_async

pytestmark = [pytest.mark.anyio, pytest.mark.sample("cluster_attached")]

LOCO = Path(sys.executable).parent / "loco"
ATTACH = ("deploy", "--attach", "v1", "--app", "shop", "--team", "ann")
OWN_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)
"""What makes stdin the terminal whose Ctrl-C the program gets."""
CTRL_C = b"\x03"


class Run:
    """One command; at a terminal of its own where `terminal`."""

    def __init__(self, environment: Mapping[str, str], *argv: str, terminal: bool = False) -> None:
        self._master, slave = pty.openpty()
        self._said = b""

        streams = dict.fromkeys(("stdin", "stdout", "stderr"), slave)
        if not terminal:
            streams["stdin"] = subprocess.DEVNULL
        self.process = subprocess.Popen(
            [*((sys.executable, "-c", OWN_TERMINAL) if terminal else ()), LOCO, *argv],
            env=environment,
            start_new_session=True,
            **streams,  # type: ignore[call-overload]
        )
        os.close(slave)
        os.set_blocking(self._master, False)

    @property
    def said(self) -> str:
        with suppress(OSError):  # EIO: nobody holds the other end any more
            while more := os.read(self._master, 65536):
                self._said += more
        return self._said.decode()

    async def says(self, text: str) -> None:
        async def there() -> bool:
            assert text in self.said or self.process.poll() is None, self.said
            return text in self.said

        await eventually_async(there, within=60)

    def types(self, text: bytes) -> None:
        os.write(self._master, text)

    async def ends(self) -> int:
        async def over() -> bool:
            assert "Traceback" not in self.said  # read all the while: one that cannot write does not end
            return self.process.poll() is not None

        await eventually_async(over, within=90)
        assert "Traceback" not in self.said
        os.close(self._master)
        return int(self.process.returncode)


@pytest.fixture
async def shop(database: str) -> AsyncIterator[tuple[Records, AppRecord]]:
    """An app whose v1 is accepted; without a kubelet it rolls for as long as it may."""
    records = Records(database)
    app = await records.app("shop", "ann")
    await records.accepted(app)
    yield records, app
    await records.database.close()


async def environment(url: str, database: str, home: Path) -> dict[str, str]:
    token = await session(database, "ann")
    return {"PATH": os.environ["PATH"], "HOME": str(home), "LOCO_SERVER": url, "LOCO_TOKEN": token, "TERM": "xterm"}


async def state_of(records: Records, app: AppRecord, number: int) -> str | None:
    found = await records.deployments.get(app.id, number)
    return None if found is None else found.state


async def test_the_wait_ends_by_its_limit_and_by_ctrl_c_with_a_question_and_without(
    start: Start, database: str, tmp_path: Path, shop: tuple[Records, AppRecord]
) -> None:
    records, app = shop
    server = start()
    await eventually_async(server.is_ready, within=90)
    variables = await environment(f"http://127.0.0.1:{server.api}", database, tmp_path)

    limited = Run(variables, *ATTACH, "--wait-timeout", "2s")
    assert await limited.ends() == 8
    assert "v1 is still going after 2 s: rolling for " in limited.said
    assert "next: loco deploy --attach v1 --app shop --team ann" in limited.said

    for sent in (signal.SIGINT, signal.SIGTERM):
        alone = Run(variables, *ATTACH)
        await alone.says("rolling out")
        alone.process.send_signal(sent)
        assert await alone.ends() == 130
        assert "error: v1 goes on without you" in alone.said

    asked = Run(variables, *ATTACH, terminal=True)
    await asked.says("rolling out")
    asked.types(CTRL_C)
    await asked.says("[d]etach")
    asked.types(CTRL_C)
    assert await asked.ends() == 130
    assert "v1 goes on without you" in asked.said
    assert await state_of(records, app, 1) == "rolling"

    answered = Run(variables, *ATTACH, terminal=True)
    await answered.says("rolling out")
    answered.types(CTRL_C)
    await answered.says("[d]etach")
    answered.types(b"c\n")
    assert await answered.ends() == 130
    assert "v1 cancelled; the previous deployment serves on" in answered.said
    assert await state_of(records, app, 1) == "cancelled"

    await records.accepted(app)
    told = Run(variables, "deploy", "--attach", "v2", *ATTACH[3:], "--cancel-on-interrupt")
    await told.says("rolling out")
    told.process.send_signal(signal.SIGTERM)
    assert await told.ends() == 130
    assert await state_of(records, app, 2) == "cancelled"


@asynccontextmanager
async def proxied(server: Replica) -> AsyncIterator[str]:
    """A proxy that lets no stream through; gives its URL."""

    async def passed(request: web.Request) -> web.Response:
        if "text/event-stream" in request.headers.get("accept", ""):
            return web.Response(status=406, text="<html>no streams here")
        headers = {
            name: request.headers[name] for name in request.headers if name.lower() not in {"host", "connection"}
        }
        try:
            answer = await server.client.request(request.method, request.path_qs, headers=headers)
        except httpx.TransportError:
            return web.Response(status=502, text="<html>bad gateway")
        return web.Response(status=answer.status_code, body=answer.content, content_type="application/json")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", passed)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_a_proxy_without_streams_and_a_server_that_is_killed_fail_no_deploy_that_succeeds(
    start: Start, stub: Stub, database: str, tmp_path: Path, shop: tuple[Records, AppRecord]
) -> None:
    server = start()
    await eventually_async(server.is_ready, within=90)
    async with proxied(server) as url:
        direct = Run(await environment(f"http://127.0.0.1:{server.api}", database, tmp_path), *ATTACH)
        polled = Run(await environment(url, database, tmp_path), *ATTACH)
        for each in (direct, polled):
            await each.says("rolling out")
        assert server.process is not None
        server.process.kill()
        await asyncio.to_thread(server.process.wait)
        server.start()
        async with Kubelet(stub.store):
            for each in (direct, polled):
                assert await each.ends() == 0, each.said
                assert "v1 is live after " in each.said
    assert await state_of(*shop, 1) == "live"
