"""`exec`, `run`, `forward` over their WebSockets: a real server and a real client, and an engine in memory."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from loco_server.flows import attach
from loco_server.http import sockets
from loco_server.http.attach import word
from loco_server.records.tables import MEMBERSHIPS
from loco_server.serving.listener import Listener
from loco_spec.attaching import Channel, End, ExecStart, ForwardStart, RunStart, Window, packed, unpacked
from loco_spec.audit import AuditEvent
from loco_spec.errors import LocoError, from_problem
from loco_spec.quota import Quota
from tests.loco_server.http.api import Api, live, running
from tests.loco_server.records.databases import Records
from tests.waiting import eventually_async

pytestmark = pytest.mark.anyio
SHOP = "/v1/teams/ann/apps/shop"


@dataclass
class Served:
    api: Api
    port: int
    token: str

    @asynccontextmanager
    async def open(self, verb: str, start: Any, **headers: str) -> AsyncIterator[ClientConnection]:
        headers = {"authorization": f"Bearer {self.token}", **headers}
        url = f"ws://127.0.0.1:{self.port}{SHOP}/{verb}"
        async with connect(url, additional_headers=headers, compression=None, proxy=None) as found:
            await found.send(start if isinstance(start, str) else start.model_dump_json())
            yield found

    async def refused(self, verb: str, **headers: str) -> LocoError:
        with pytest.raises(InvalidStatus) as told:
            async with self.open(verb, ExecStart(command=("cat",)), **headers):
                pass
        response = told.value.response
        assert response.headers["content-type"] == "application/problem+json"
        return from_problem(json.loads(response.body or b""), status=response.status_code)

    async def events(self) -> list[AuditEvent]:
        team = await self.api.records.people.membership(await self.user(), "ann")
        assert team is not None
        found = await self.api.records.audit.read(team[0].id, None, None, 100)
        return [event for event in found if event.action in {"app.exec", "app.run", "app.forward"}]

    async def user(self) -> str:
        return (await self.api.records.people.signed_in("local", "ann", "ann")).id


async def end(socket_: ClientConnection) -> End:
    async for message in socket_:
        assert isinstance(message, bytes)
        channel, data = unpacked(message)
        if channel == Channel.END:
            return End.model_validate_json(data)
    raise AssertionError("it was closed without an end")


async def problem(socket_: ClientConnection) -> LocoError:
    found = (await end(socket_)).problem
    assert found is not None
    return from_problem(found, status=500)


@asynccontextmanager
async def serving(records: Records, folder: Path, **changes: Any) -> AsyncIterator[Served]:
    async with running(records, folder, **changes) as api:
        client = await api.client("ann")
        number = await live(api, client)
        item = await api.records.deployments.get((await app_id(api)), number)
        assert item is not None
        api.engine.running[await app_id(api)] = await api.services.attach.rollout(item)
        bound = socket.create_server(("127.0.0.1", 0))
        listener = Listener(api.app, bound)
        await listener.start()
        token = client.headers["authorization"].removeprefix("Bearer ")
        try:
            yield Served(api, bound.getsockname()[1], token)
        finally:
            await listener.stop()


async def app_id(api: Api) -> str:
    [app] = await api.records.apps.all()
    return app.id


@pytest.fixture
async def served(records: Records, tmp_path: Path) -> AsyncIterator[Served]:
    async with serving(records, tmp_path) as found:
        yield found


async def test_what_is_sent_comes_back_and_the_end_tells_the_exit_code(served: Served) -> None:
    async with served.open("exec", ExecStart(command=("cat",), stdin=True)) as wire:
        for data in (b"\x00\xff", b"z" * 100_000, b""):
            await wire.send(packed(Channel.STDIN, data))
        got = b""
        while len(got) < 100_002:
            channel, data = unpacked(await wire.recv(decode=False))
            assert channel == Channel.STDOUT
            got += data
        assert got == b"\x00\xff" + b"z" * 100_000
        assert await end(wire) == End(exit_code=0)
    async with served.open("exec", ExecStart(command=("exit", "137"))) as wire:
        assert await end(wire) == End(exit_code=137)


async def test_the_window_is_passed_on(served: Served) -> None:
    async with served.open("exec", ExecStart(command=("cat",), tty=True, window=Window(columns=90, rows=30))) as wire:
        await wire.send(packed(Channel.WINDOW, Window(columns=120, rows=40).model_dump_json().encode()))
        await eventually_async(lambda: _said(served.api.engine.talker is not None and served.api.engine.talker.windows))
        [(instance, start)] = served.api.engine.attached
        assert (instance, start.columns, start.rows) == ("v1-1", 90, 30)  # type: ignore[union-attr]
        await wire.send(packed(Channel.WINDOW, b"no size"))
        assert (await problem(wire)).code == "invalid-request"


async def _said(value: Any) -> Any:
    return value


async def test_each_start_leaves_an_event_with_the_program_alone(served: Served) -> None:
    for verb, start in (
        ("exec", ExecStart(command=("/usr/bin/psql", "--password=planted"))),
        ("run", RunStart(command=("SECRET=planted env",))),
    ):
        async with served.open(verb, start) as wire:
            await end(wire)
    for _ in range(3):  # of connections there is one now and then
        async with served.open("forward", ForwardStart(port=8080)) as wire:
            await wire.send(packed(Channel.STDIN))
            await end(wire)
    told = [(event.actor, event.action, event.app, event.outcome, event.detail) for event in await served.events()]
    assert told == [
        ("ann", "app.exec", "shop", "done", {"instance": "v1-1", "command": "psql"}),
        ("ann", "app.run", "shop", "done", {"deployment": "v1", "command": "SECRET"}),
        ("ann", "app.forward", "shop", "done", {"instance": "v1-1", "port": 8080}),
    ]
    assert {event.address for event in await served.events()} == {"127.0.0.1"}


def test_of_a_command_no_more_than_the_programs_name_is_told() -> None:
    assert [word((text,)) for text in ("sh", "/bin/sh", "sh -c planted", "A=planted", "http://u:p@h/x?k", "/")] == [
        *("sh", "sh", "sh", "A", "x", "/")
    ]


async def test_who_may_not_is_refused_before_it_opens_and_leaves_no_event(served: Served) -> None:
    assert (await served.refused("exec", authorization="")).code == "not-signed-in"
    stranger = (await served.api.client("omar")).headers["authorization"]
    told = await served.refused("exec", authorization=stranger)
    assert (told.code, told.message) == ("not-found", "there is no team ann, or you are not in it")
    viewer = (await served.api.client("vic")).headers["authorization"]
    await _join(served, "vic", "viewer")
    for verb in ("exec", "run", "forward"):
        told = await served.refused(verb, authorization=viewer)
        assert (told.code, told.message) == ("not-allowed", "a viewer of team ann may not do this (app:enter)")
    assert await served.events() == []
    assert served.api.engine.attached == []


async def _join(served: Served, login: str, role: str) -> None:
    from sqlalchemy import insert

    user = await served.api.records.people.signed_in("local", login, login)
    mine = await served.api.records.people.membership(await served.user(), "ann")
    assert mine is not None
    async with served.api.records.database.write() as db:
        await db.execute(insert(MEMBERSHIPS).values(team_id=mine[0].id, user_id=user.id, role=role))


@pytest.mark.parametrize(
    ("verb", "start", "code"),
    [
        ("exec", '{"command": ["cat"], "more": 1}', "invalid-request"),
        ("exec", '{"command": []}', "invalid-request"),
        ("exec", '{"command": ["a\\u0000b"]}', "invalid-request"),
        ("exec", "no json", "invalid-request"),
        ("exec", '{"command": ["cat"], "instance": "v9-1"}', "not-found"),
        ("exec", '{"command": ["vanish"]}', "instance-gone"),
        ("forward", '{"port": 5432}', "conflict"),
    ],
)
async def test_what_cannot_be_is_told_in_the_last_message(served: Served, verb: str, start: str, code: str) -> None:
    async with served.open(verb, start) as wire:
        told = await problem(wire)
    assert told.code == code
    if code == "conflict":
        assert told.message.endswith("nothing listens there; shop declares 8080 (http)")
    if code == "not-found":
        assert told.hint == "there is: v1-1"


async def test_without_a_running_instance_it_is_said_what_to_look_at(served: Served) -> None:
    served.api.engine.running.clear()
    async with served.open("exec", ExecStart(command=("cat",))) as wire:
        told = await problem(wire)
    assert (told.code, told.hint) == ("conflict", "loco status")


async def test_the_engine_hears_that_whoever_was_attached_has_gone(served: Served) -> None:
    async with served.open("exec", ExecStart(command=("cat",), stdin=True)) as wire:
        await wire.send(packed(Channel.STDIN, b"x"))
        await wire.recv()
        assert served.api.engine.left == 0
        wire.transport.abort()
        await eventually_async(lambda: _said(served.api.engine.left == 1))


async def test_what_nobody_reads_is_not_asked_of_the_engine_and_who_may_not_go_on_is_cut_off_all_the_same(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "ALIVE_SECONDS", 0.05)
    async with served.open("exec", ExecStart(command=("yes",))) as wire:
        wire.transport.pause_reading()
        talker = await eventually_async(lambda: _said(served.api.engine.talker))
        before = -1
        while before != talker.given:  # until it stands still
            before = talker.given
            await asyncio.sleep(0.3)
        assert talker.given < 16 << 20  # what two sockets hold
        async with served.api.records.database.write() as db:
            await db.execute(delete(MEMBERSHIPS))
        await eventually_async(lambda: _said(served.api.engine.left == 1))
        wire.transport.abort()  # else it waits for an answer to its own end


async def test_whoever_may_not_go_on_is_cut_off(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "ALIVE_SECONDS", 0.05)
    async with served.open("exec", ExecStart(command=("cat",))) as wire:
        assert unpacked(await wire.recv(decode=False)) == (Channel.ALIVE, b"")
        async with served.api.records.database.write() as db:
            await db.execute(delete(MEMBERSHIPS))
        assert (await problem(wire)).code == "not-found"
    assert served.api.engine.left == 1


async def test_silence_is_taken_for_an_end(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "SILENCE_SECONDS", 0.2)
    async with served.open("exec", ExecStart(command=("cat",))):
        await eventually_async(lambda: _said(served.api.engine.left == 1))


async def test_one_has_so_many_at_once_and_one_more_when_one_has_ended(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attach, "AT_ONCE_MOST", 1)
    async with served.open("exec", ExecStart(command=("cat",), stdin=True)) as first:
        await eventually_async(lambda: _said(served.api.engine.attached))
        async with served.open("forward", ForwardStart(port=8080)) as second:
            assert (await problem(second)).code == "too-many-requests"
        await first.send(packed(Channel.STDIN))
        await end(first)
    async with served.open("exec", ExecStart(command=("exit", "3"))) as third:
        assert await end(third) == End(exit_code=3)


async def test_a_container_of_its_own_has_its_place_in_the_quota_and_its_time(records: Records, tmp_path: Path) -> None:
    from loco_server.settings import Limits

    # The app has 250m; with one container more it is 500m.
    async with serving(records, tmp_path, limits=Limits(team=Quota(cpu=500))) as served:
        async with served.open("run", RunStart(command=("cat",), stdin=True)) as first:
            await eventually_async(lambda: _said(served.api.engine.attached))
            async with served.open("run", RunStart(command=("cat",))) as second:
                assert (await problem(second)).code == "refused"
            assert len(await served.events()) == 1
            await first.send(packed(Channel.STDIN))
            assert await end(first) == End(exit_code=0)
        async with served.open("run", RunStart(command=("cat",), seconds=1)) as third:
            assert "ran for its time, 1 s" in (await problem(third)).message


async def test_a_connection_is_half_closed_as_tcp_is(served: Served) -> None:
    async with served.open("forward", ForwardStart(port=8080)) as wire:
        await wire.send(packed(Channel.STDIN, b"hello"))
        assert unpacked(await wire.recv(decode=False)) == (Channel.STDOUT, b"hello")
        await wire.send(packed(Channel.STDIN))
        assert unpacked(await wire.recv(decode=False)) == (Channel.STDOUT, b"")
        assert await end(wire) == End()


async def test_where_a_forward_would_lead_is_told_without_opening_it(served: Served) -> None:
    client = await served.api.client("ann")
    answer = await client.get(f"{SHOP}/entrance")
    assert answer.json() == {"instance": "v1-1", "ports": ["8080 (http)"]}
    assert (await client.get(f"{SHOP}/entrance", params={"instance": "v9-1"})).status_code == 404


async def test_a_request_that_does_not_open_it_is_told_so(served: Served) -> None:
    client = await served.api.client("ann")
    answer = await client.get(f"{SHOP}/exec")
    assert answer.status_code == 426
    assert "opens a WebSocket" in answer.text
