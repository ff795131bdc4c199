"""What is sent again because its answer was lost is done once."""

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy.exc import OperationalError
from starlette.requests import Request
from starlette.responses import Response

from loco_server.http import repeats
from loco_server.http.repeats import Repeats
from tests.loco_server.http.api import Api

pytestmark = pytest.mark.anyio

KEY = {"Idempotency-Key": "0123456789abcdef"}
DEPLOYMENTS = "/v1/teams/ann/apps/shop/deployments"
SPEC: dict[str, Any] = {"spec": {"kind": "service", "name": "shop"}}


def request(key: str = KEY["Idempotency-Key"], *, method: str = "POST", caller: str = "a") -> Request:
    headers = [(b"idempotency-key", key.encode()), (b"authorization", caller.encode())]
    return Request({"type": "http", "method": method, "path": "/", "headers": headers, "query_string": b""})


class Work:
    """Counts what is done; answers with the statuses, one after the other, the last for good."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.done = 0
        self.go = asyncio.Event()
        self.go.set()

    async def __call__(self, _: Request) -> Response:
        self.done += 1
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        await self.go.wait()
        return Response(str(self.done), status_code=status)


async def test_a_deployment_that_is_asked_for_twice_has_one_number_and_one_ticket(
    server: Api, ann: httpx.AsyncClient
) -> None:
    first, second = await asyncio.gather(*(ann.post(DEPLOYMENTS, json=SPEC, headers=KEY) for _ in range(2)))
    assert first.status_code == 201
    assert first.json() == second.json()
    assert (await ann.post(DEPLOYMENTS, json=SPEC, headers=KEY)).json() == first.json()
    other = await ann.post(DEPLOYMENTS, json=SPEC, headers={"Idempotency-Key": "another-of-sixteen"})
    assert [each.json()["deployment"]["number"] for each in (first, other)] == [1, 2]
    stranger = await server.client("ben")
    assert (await stranger.post(DEPLOYMENTS, json=SPEC, headers=KEY)).status_code == 404


async def test_what_was_deleted_is_told_as_deleted_also_the_second_time(ann: httpx.AsyncClient) -> None:
    await ann.post(DEPLOYMENTS, json=SPEC)
    answers = [await ann.delete("/v1/teams/ann/apps/shop", headers=KEY) for _ in range(2)]
    assert answers[0].status_code < 300
    assert answers[0].status_code == answers[1].status_code


async def test_records_that_are_away_are_told_as_that_and_the_same_request_may_come_again(
    server: Api, ann: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = server.records.deployments.create

    async def full(*_: Any, **__: Any) -> Any:
        raise OperationalError("INSERT", {}, Exception("database or disk is full"))

    monkeypatch.setattr(server.records.deployments, "create", full)
    away = await ann.post(DEPLOYMENTS, json=SPEC, headers=KEY)
    assert (away.status_code, away.json()["code"], away.headers["retry-after"]) == (503, "records-away", "5")
    assert away.json()["detail"] == "the records of the server have no room: the disk is full"
    monkeypatch.setattr(server.records.deployments, "create", create)
    assert (await ann.post(DEPLOYMENTS, json=SPEC, headers=KEY)).status_code == 201


async def test_a_statement_that_is_wrong_is_a_defect(
    server: Api, ann: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def wrong(*_: Any, **__: Any) -> Any:
        raise OperationalError("INSERT", {}, Exception("no such table: apps"))

    monkeypatch.setattr(server.records.deployments, "create", wrong)
    assert (await ann.post(DEPLOYMENTS, json=SPEC, headers=KEY)).json()["code"] == "server-fault"


async def test_who_comes_while_it_is_done_waits_for_the_same_answer() -> None:
    found, work = Repeats(), Work(200)
    work.go.clear()
    waiting = [asyncio.create_task(found.once(request(), work)) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()  # its connection is gone; what was begun goes on
    work.go.set()
    assert [(await each).body for each in waiting[1:]] == [b"1", b"1"]
    assert work.done == 1


@pytest.mark.parametrize("status", [500, 503, 429])
async def test_what_failed_is_done_anew_also_for_who_waited(status: int) -> None:
    found, work = Repeats(), Work(status, 200)
    work.go.clear()
    waiting = [asyncio.create_task(found.once(request(), work)) for _ in range(2)]
    await asyncio.sleep(0)
    work.go.set()
    assert sorted([(await each).status_code for each in waiting]) == [200, status]
    assert (await found.once(request(), work)).body == b"2"


@pytest.mark.parametrize(
    "other",
    [request("short"), request("x" * 65), request(method="GET"), request(caller="b"), request(method="DELETE")],
    ids=["short", "long", "GET", "another's", "another method"],
)
async def test_anything_else_is_another_request(other: Request) -> None:
    found, work = Repeats(), Work(200)
    await found.once(request(), work)
    await found.once(other, work)
    assert work.done == 2


async def test_answers_are_forgotten_after_a_while_and_the_oldest_when_there_are_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    found, work = Repeats(clock=lambda: now[0]), Work(200)
    monkeypatch.setattr(repeats, "MOST", 3)
    for n in range(5):
        await found.once(request(f"{n:016}"), work)
    assert len(found._answers) == 3
    await found.once(request(f"{4:016}"), work)
    assert work.done == 5
    now[0] = repeats.SECONDS + 1
    await found.once(request(f"{4:016}"), work)
    assert work.done == 6
    assert len(found._answers) == 1
