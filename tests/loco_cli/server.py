"""A loco server whose answers a test writes down beforehand. pytest-httpx refuses any request that has none."""

import json
from typing import Any

import httpx
from pydantic import BaseModel
from pytest_httpx import HTTPXMock, IteratorStream

from loco_spec.errors import LocoError

URL = "http://127.0.0.1:7070"
TOKEN = "loco_the_token"

Part = str | BaseException
"""A piece of a stream, or what breaks it off."""


class Server:
    """Each answer is for one request, in the order in which they were written down."""

    def __init__(self, mock: HTTPXMock, url: str = URL) -> None:
        self.mock = mock
        self.url = url

    def answers(self, request: str, value: BaseModel | None = None, **matchers: Any) -> None:
        """`server.answers("GET /v1/me", me())`."""
        method, path = request.split(" ")
        content = b"" if value is None else value.model_dump_json().encode()
        self.mock.add_response(method=method, url=self.url + path, content=content, **matchers)

    def refuses(self, request: str, error: LocoError, *, status: int | None = None) -> None:
        method, path = request.split(" ")
        self.mock.add_response(
            method=method, url=self.url + path, status_code=status or error.http_status, json=error.to_problem()
        )

    def says(self, request: str, status: int, content: bytes = b"", **headers: str) -> None:
        """Answer with anything at all."""
        method, path = request.split(" ")
        self.mock.add_response(method=method, url=self.url + path, status_code=status, content=content, headers=headers)

    def streams(self, path: str, *parts: Part, last_id: str | None = None) -> None:
        """Answer with server-sent events; asked for from `last_id` on, where it is given."""
        headers = {"accept": "text/event-stream"} | ({} if last_id is None else {"last-event-id": last_id})
        self.mock.add_response(
            method="GET",
            url=self.url + path,
            stream=IteratorStream(_Parts(parts)),
            headers={"content-type": "text/event-stream"},
            match_headers=headers,
        )

    def is_away(self, request: str, error: Exception | None = None) -> None:
        method, path = request.split(" ")
        self.mock.add_exception(error or httpx.ConnectError("refused"), method=method, url=self.url + path)

    @property
    def asked(self) -> list[str]:
        """All requests so far: `GET /v1/me`."""
        return [f"{each.method} {each.url.raw_path.decode()}" for each in self.mock.get_requests()]

    def body(self, number: int = -1) -> Any:
        """What was sent with a request, by default the last."""
        return json.loads(self.mock.get_requests()[number].content)


class _Parts:
    def __init__(self, parts: tuple[Part, ...]) -> None:
        self._parts = parts

    def __iter__(self) -> Any:
        for part in self._parts:
            if isinstance(part, BaseException):
                raise part
            yield part.encode()


def message(event: str, data: BaseModel | None = None, *, number: int | str | None = None) -> str:
    """Give one server-sent event."""
    identity = "" if number is None else f"id: {number}\n"
    return f"event: {event}\n{identity}data: {'{}' if data is None else data.model_dump_json()}\n\n"


PING = ": ping\n\n"
END = message("end")


def cut() -> httpx.ReadError:
    return httpx.ReadError("the connection was cut")
