"""The hand-over of a build's log: what the server is sent, and that it stops nothing."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from loco_cli.client.http import Http
from loco_cli.commands import deploy
from loco_cli.config import Choice
from loco_cli.credentials import Token
from loco_spec.api import Deployment

ITEM = Deployment(
    team="ann", app="shop", number=3, state="created", created_by="ann", created_at=datetime(2026, 1, 31, tzinfo=UTC)
)


class Context:
    """As much of a context as the hand-over needs."""

    def __init__(self, answer: Callable[[httpx.Request], httpx.Response]) -> None:
        self.notes: list[str] = []
        self.http = Http(
            Choice("http://127.0.0.1:7070", "the test"),
            Token("loco_session_x", "the test"),
            transport=httpx.MockTransport(answer),
        )
        self.ui = self

    def note(self, text: str) -> None:
        self.notes.append(text)


def keep(answer: Callable[[httpx.Request], httpx.Response], text: str) -> list[str]:
    """Hand the text over; give the notes."""
    context: Any = Context(answer)
    deploy._keep_log(context, ITEM, text)
    context.http.close()
    notes: list[str] = context.notes
    return notes


def test_the_text_is_put_as_it_is() -> None:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(204)

    assert keep(answer, "#1 grün \ud800\n") == []
    assert (sent[0].method, sent[0].url.path) == ("PUT", "/v1/teams/ann/apps/shop/deployments/3/build-log")
    assert sent[0].headers["content-type"] == "text/plain; charset=utf-8"
    assert sent[0].content == "#1 grün ?\n".encode()


def test_without_a_build_nothing_is_sent() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        pytest.fail(f"{request.method} {request.url}")

    assert keep(answer, "") == []


@pytest.mark.parametrize("status", [404, 409, 500])
def test_a_server_that_does_not_take_it_is_a_note(status: int) -> None:
    (note,) = keep(lambda _: httpx.Response(status, json={"detail": "no room", "code": "refused"}), "text")
    assert "v3" in note
    assert "no room" in note


def test_a_server_that_went_away_is_a_note() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    (note,) = keep(answer, "text")
    assert "cannot be reached" in note
