"""Of each request an id, a line and numbers; never its path, its query or what somebody put into a header."""

import json
import logging
from typing import Any

import pytest

from loco_server.telemetry.logs import _Json, _Text
from tests.loco_server.telemetry.conftest import Asked

pytestmark = pytest.mark.anyio
GIVEN = "0f8fad5b-d9cb-469f-a165-70867728950e"


async def test_endpoints_are_counted_by_their_template_and_strange_paths_all_alike(asked: Asked) -> None:
    for path in ("/v1/apps/shop", "/v1/apps/blog", "/v1/loco_secret", "/v1/another"):
        await asked.client.get(path)
    await asked.client.request("BREW", "/v1/apps/shop")
    assert asked.counted("loco_http_requests_total") == {
        ("/v1/apps/{app}", "GET", "200"): 2,
        ("none", "GET", "404"): 2,
        ("/v1/apps/{app}", "other", "405"): 1,
    }


async def test_a_stream_is_counted_while_it_is_followed_and_its_length_is_no_slow_answer(asked: Asked) -> None:
    async with asked.client.stream("GET", "/v1/events") as answer:
        await answer.aread()
    assert asked.counted("loco_followers") == {("/v1/events",): 0}
    assert asked.counted("loco_http_requests_total") == {("/v1/events", "GET", "200"): 1}
    assert asked.counted("loco_http_request_seconds_count") == {}


async def test_a_websocket_is_counted_as_a_stream_and_one_that_is_refused_as_an_answer(asked: Asked) -> None:
    said: list[dict[str, Any]] = []

    async def open_at(path: str) -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "websocket.connect"} if not said else {"type": "websocket.disconnect", "code": 1000}

        async def send(message: Any) -> None:
            said.append(message)

        extensions: dict[str, Any] = {"websocket.http.response": {}}
        scope = {"type": "websocket", "path": path, "headers": [], "query_string": b"", "extensions": extensions}
        await asked.wrapped(scope, receive, send)

    await open_at("/v1/opens/shop")
    assert said[0]["type"] == "websocket.accept"
    assert dict(said[0]["headers"])[b"x-request-id"]
    said.clear()
    await open_at("/v1/opens/nothing")
    assert said[0]["status"] == 404
    assert asked.counted("loco_followers") == {("/v1/opens/{app}",): 0}
    assert asked.counted("loco_http_requests_total") == {
        ("/v1/opens/{app}", "GET", "101"): 1,
        ("/v1/opens/{app}", "GET", "404"): 1,
    }


async def test_an_id_is_taken_from_a_proxy_of_ours_alone_and_only_in_its_form(asked: Asked) -> None:
    async def told(given: str) -> str:
        answer = await asked.client.get("/v1/apps/shop", headers={"x-request-id": given})
        assert answer.json() == {"id": answer.headers["x-request-id"]}
        return answer.headers["x-request-id"]

    assert await told(GIVEN) != GIVEN
    asked.trusted = True
    assert await told(GIVEN) == GIVEN
    assert len(await told('x" level="error')) == 10


async def test_a_line_of_json_has_the_request_and_a_traceback_is_inside_of_one(
    asked: Asked, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "loco")
    answer = await asked.client.get("/v1/apps/shop?token=planted-secret", headers={"authorization": "Bearer planted"})
    await asked.client.get("/v1/broken")
    [first, second] = [record for record in caplog.records if record.name == "loco.requests"]
    line = json.loads(_Json().format(first))
    assert (line["method"], line["endpoint"], line["status"], line["user"], line["level"]) == (
        *("GET", "/v1/apps/{app}", 200, "uuuuuuuuuu"),
        "info",
    )
    assert line["time"].endswith("Z")
    assert "planted" not in caplog.text
    assert json.loads(_Json().format(second))["status"] == 500
    assert answer.headers["x-request-id"]


def test_a_traceback_is_inside_the_one_line_of_json_and_below_the_one_of_text() -> None:
    try:
        raise ValueError("first\nsecond")
    except ValueError as e:
        record = logging.LogRecord(
            "loco.http", logging.ERROR, "", 0, "a %s", ("defect",), (type(e), e, e.__traceback__)
        )
    text = _Json().format(record)
    assert "\n" not in text
    found = json.loads(text)
    assert found["message"] == "a defect"
    assert found["exception"].splitlines()[-2:] == ["ValueError: first", "second"]
    head, *rest = _Text().format(record).splitlines()
    assert head.endswith("Z ERROR loco.http: a defect")
    assert rest[0] == "Traceback (most recent call last):"
