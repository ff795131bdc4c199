"""Streams of the server: opened from an id on, read as they come, and every way in which they break."""

from collections.abc import Iterator

import httpx
import pytest

from loco_cli.client.http import Http, StreamCutError
from loco_spec.errors import NotFound, ServerFault, ServerUnreachable, TooManyRequests
from tests.loco_cli.conftest import Clock
from tests.loco_cli.server import END, PING, Server, cut, message

PATH = "/v1/stream"


def read(http: Http, last_id: str | None = None, **query: str) -> list[str]:
    """Give the names of the messages until the stream ends."""
    with http.stream(PATH, last_id=last_id, **query) as found:
        return [each.event for each in found]


def test_a_stream_is_asked_for_from_the_start_or_from_an_id_on(server: Server, http: Http) -> None:
    server.streams(PATH, END)
    server.streams(PATH, PING, END, last_id="17")
    assert read(http) == ["end"]
    assert read(http, last_id="17") == ["ping", "end"]
    first, second = server.mock.get_requests()
    assert "last-event-id" not in first.headers
    assert second.headers["authorization"].startswith("Bearer ")


def test_a_stream_is_asked_for_with_its_query(server: Server, http: Http) -> None:
    server.streams(f"{PATH}?follow=1&lines=5", END)
    assert read(http, follow="1", lines="5") == ["end"]


def test_messages_come_out_before_the_stream_has_ended(server: Server, http: Http) -> None:
    seen: list[str] = []
    server.streams(PATH, message("a"), message("b"), cut())
    with pytest.raises(StreamCutError):
        _collect(http, seen)
    assert seen == ["a", "b"]


@pytest.mark.parametrize("error", [httpx.ReadError, httpx.ReadTimeout, httpx.RemoteProtocolError])
def test_a_stream_that_breaks_while_it_is_read_was_cut(
    server: Server, http: Http, error: type[httpx.TransportError]
) -> None:
    server.streams(PATH, PING, error("broken"))
    with pytest.raises(StreamCutError):
        read(http)


def test_a_stream_is_dead_after_forty_seconds_without_a_ping(server: Server, http: Http) -> None:
    server.streams(PATH, END)
    read(http)
    assert server.mock.get_requests()[0].extensions["timeout"]["read"] == 40


def test_a_connection_that_breaks_before_the_first_byte_is_cut_too(server: Server, http: Http) -> None:
    server.is_away(f"GET {PATH}", httpx.RemoteProtocolError("Server disconnected without sending a response."))
    with pytest.raises(StreamCutError):
        read(http)


def test_a_server_that_takes_no_connection_is_unreachable(server: Server, http: Http) -> None:
    server.is_away(f"GET {PATH}")
    with pytest.raises(ServerUnreachable, match="refused"):
        read(http)


def test_a_stream_that_is_refused_raises_what_the_server_raised(server: Server, http: Http) -> None:
    server.refuses(f"GET {PATH}", NotFound("there is no app shop"))
    with pytest.raises(NotFound, match="there is no app shop"):
        read(http)


def test_a_refusal_that_is_no_problem_is_told_by_its_status(server: Server, http: Http) -> None:
    server.says(f"GET {PATH}", 500, b"<html>")
    with pytest.raises(ServerFault, match="answered 500 to GET /v1/stream"):
        read(http)


def test_a_refusal_that_breaks_off_is_a_cut(server: Server, http: Http) -> None:
    server.mock.add_response(status_code=404, stream=_Broken())
    with pytest.raises(StreamCutError):
        read(http)


def _collect(http: Http, seen: list[str]) -> None:
    with http.stream(PATH, last_id=None) as found:
        for each in found:
            seen.append(each.event)  # noqa: PERF401  one by one, as they come


class _Broken(httpx.SyncByteStream):
    def __iter__(self) -> Iterator[bytes]:
        raise cut()


def test_a_stream_that_was_one_request_too_many_is_opened_when_the_server_says(
    server: Server, http: Http, clock: Clock
) -> None:
    server.refuses(f"GET {PATH}", TooManyRequests("too many", retry_after=4))
    server.streams(PATH, END, last_id="17")
    assert read(http, last_id="17") == ["end"]
    assert clock.slept == [4]
