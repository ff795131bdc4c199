"""Bytes that no well-meaning client sends, on both databases: each is refused in problem form, and none is a defect."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC

import httpx
import pytest

from loco_server.engines.base import LogQuery
from loco_server.http.apps import LINES_LIMIT
from loco_spec.events import LogBatch
from tests.loco_server.http.api import Api, create, created, live, refused

pytestmark = pytest.mark.anyio


@pytest.fixture
def records_url(records_url_of_each: str) -> str:
    return records_url_of_each


DEPLOYMENTS = "/v1/teams/ann/apps/shop/deployments"
HUGE = "9" * 5000


PATHS = [
    "/v1/teams/a%00nn/apps",
    "/v1/teams/ann/apps/sh%00op",
    "/v1/teams/ann/apps/%ff%fe",
    f"/v1/teams/{'a' * 3000}/apps",
    f"{DEPLOYMENTS}/{HUGE}",
    f"{DEPLOYMENTS}/999999999",
    f"{DEPLOYMENTS}/1%00",
    f"{DEPLOYMENTS}/1%0a/events",
    f"{DEPLOYMENTS}/%D9%A1",  # an Arabic one
    "/docs/errors.md%00",
    "/v1/teams/ann/apps/shop/../../../../v1/me%00",
]


async def test_a_path_of_strange_characters_leads_nowhere(server: Api, ann: httpx.AsyncClient) -> None:
    await live(server, ann)
    for path in PATHS:
        answer = await ann.get(path)
        assert refused(answer).http_status == answer.status_code == 404, path


BODIES = [
    b"\xff\xfe\x00",
    b'{"spec": {"name": "sh\xc3\x28op"}}',
    b'{"spec": {"name": "\\ud800"}}',
    b'{"spec": {"name": "shop", "env": {"A": "\\ud800"}}}',
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b'{"spec": ' + b'{"a":' * 150 + b"1" + b"}" * 150 + b"}",
    b'{"spec": {"name": "shop", "port": ' + HUGE.encode() + b"}}",
    b'{"spec": {"name": "shop", "port": 1e999}}',
    b'{"spec": {"name": "shop", "port": NaN}}',
    b'{"spec": {"name": "shop", "scale": {"min": Infinity, "max": -Infinity}}}',
    b'{"spec": {"name": "shop", "routes": [[[]]], "ports": {"a": 1}}}',
    b'{"spec": {"name": "shop\\u0000"}}',
    b'{"spec": null}',
    b"null",
    b'"text"',
    b"{} {}",
]


async def test_a_body_of_strange_bytes_is_refused(server: Api, ann: httpx.AsyncClient) -> None:
    for body in BODIES:
        answer = await ann.post(DEPLOYMENTS, content=body, headers={"content-type": "text/html; charset=utf-7"})
        assert refused(answer).http_status == answer.status_code == 422, body[:100]


async def test_a_zero_in_a_value_is_kept_with_the_spec(server: Api, ann: httpx.AsyncClient) -> None:
    assert (await create(ann, spec={"build": {"args": {"A": "a\0b"}}})).status_code == 201
    app = (await server.records.apps.all())[0]
    item = await server.records.deployments.get(app.id, 1)
    assert item is not None
    assert item.spec.build.args == {"A": "a\0b"}


async def test_a_log_of_strange_bytes_is_kept_as_far_as_it_is_text(server: Api, ann: httpx.AsyncClient) -> None:
    await created(ann)
    assert (await ann.put(f"{DEPLOYMENTS}/1/build-log", content=b"a\xff\0\xed\xa0\x80b")).status_code == 204
    text = (await ann.get(f"{DEPLOYMENTS}/1/build-log")).json()["text"]
    assert (text[0], text[-1]) == ("a", "b")
    assert "\0" not in text


QUERIES = [
    {"lines": "-1"},
    {"lines": HUGE},
    {"lines": "1.5"},
    {"since": "2026-13-01T00:00:00Z"},
    {"since": "1e400"},
    {"since": "1769860800"},
    {"follow": "maybe"},
    {"folow": "1"},
    {"instance": ""},
    {"instance": "v" * 101},
    {"previous": "maybe"},
    {"previous": "1", "follow": "1"},
]


async def test_a_query_that_makes_no_sense_is_refused(server: Api, ann: httpx.AsyncClient) -> None:
    await live(server, ann)
    for query in QUERIES:
        answer = await ann.get("/v1/teams/ann/apps/shop/logs", params=query)
        assert refused(answer).http_status == answer.status_code == 422, query


TIMES = ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-01-31T12:00:00"]


async def test_a_time_at_the_end_of_time_is_one_that_clocks_show(
    server: Api, ann: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[LogQuery] = []
    logs = server.engine.logs

    def heard(query: LogQuery) -> AsyncIterator[LogBatch]:
        asked.append(query)
        return logs(replace(query, tail=2))

    monkeypatch.setattr(server.engine, "logs", heard)
    await live(server, ann)
    for since in TIMES:
        answer = await ann.get("/v1/teams/ann/apps/shop/logs", params={"since": since, "lines": HUGE[:20]})
        assert answer.status_code == 200, since
    assert len(asked) == len(TIMES)
    assert {query.tail for query in asked} == {LINES_LIMIT}
    assert all(query.since and 1970 <= query.since.astimezone(UTC).year <= 9000 for query in asked)


AFTER = ["-1", HUGE, str(2**31), str(2**63), "1\0"]


async def test_a_number_of_an_event_that_no_event_has_is_refused(server: Api, ann: httpx.AsyncClient) -> None:
    await created(ann)
    for after in AFTER:
        answer = await ann.get(f"{DEPLOYMENTS}/1/events", params={"after": after})
        assert refused(answer).http_status == answer.status_code == 422, after


LAST = [b"\xff\xfe", HUGE.encode(), b"-1", b"1\xb2"]


async def test_a_last_event_that_is_none_is_the_beginning(server: Api, ann: httpx.AsyncClient) -> None:
    await created(ann)
    for header in LAST:
        answer = await ann.get(f"{DEPLOYMENTS}/1/events", headers=[(b"last-event-id", header)])
        assert [event["number"] for event in answer.json()["events"]] == [1], header


METHODS = ["PUT", "PATCH", "DELETE", "TRACE", "OPTIONS", "QUERY"]


async def test_a_method_that_a_path_does_not_have_is_told_with_those_that_it_has(ann: httpx.AsyncClient) -> None:
    for method in METHODS:
        answer = await ann.request(method, DEPLOYMENTS)
        assert refused(answer).code == "usage"
        assert answer.json()["status"] == answer.status_code == 405, method
        assert answer.headers["allow"] == "GET, HEAD, POST"
