"""The audit trail: read once, or followed through every cut."""

from collections.abc import Iterator

import pytest

from loco_cli.client import events
from loco_cli.client.http import Http
from loco_spec.audit import AuditEvent, AuditEvents
from loco_spec.errors import NotFound, NotSignedIn, ServerUnreachable
from loco_spec.events import StreamFault
from tests.loco_cli.samples import change
from tests.loco_cli.server import PING, Server, cut, message

EVENTS = "/v1/teams/ann/events"
NEWEST = f"{EVENTS}?limit=5"


def told(number: int) -> str:
    return message("event", change(number), number=number)


def follow(http: Http, app: str | None = None) -> Iterator[AuditEvent | None]:
    return events.follow(http, "ann", app=app, lines=5)


def test_they_are_read_of_the_team_or_of_an_app(server: Server, http: Http) -> None:
    found = AuditEvents(events=(change(1), change(2)))
    server.answers(f"GET {NEWEST}", found)
    assert events.events(http, "ann", app=None, lines=5) == found
    server.answers(f"GET {EVENTS}?app=shop&limit=5", found)
    assert events.events(http, "ann", app="shop", lines=5) == found


def test_they_are_followed_on_from_where_a_cut_was_through_restarts_of_the_server(server: Server, http: Http) -> None:
    server.streams(NEWEST, PING, told(1), told(2), cut())
    server.is_away(f"GET {NEWEST}")
    server.says(f"GET {NEWEST}", 502, b"<html>of the proxy before it")
    server.streams(NEWEST, PING, told(3), last_id="2")
    server.streams(NEWEST, told(4), last_id="3")
    found = follow(http)
    assert [next(found) for _ in range(8)] == [change(1), change(2), None, None, None, change(3), None, change(4)]


def test_what_was_cut_before_the_first_one_begins_anew(server: Server, http: Http) -> None:
    server.streams(NEWEST, PING, cut())
    server.streams(NEWEST, told(1))
    found = follow(http)
    assert [next(found), next(found)] == [None, change(1)]
    assert "last-event-id" not in server.mock.get_requests()[-1].headers


def test_a_server_that_was_never_reached_is_told(server: Server, http: Http) -> None:
    server.is_away(f"GET {NEWEST}")
    with pytest.raises(ServerUnreachable, match="refused"):
        next(follow(http))


def test_who_may_not_follow_any_more_hears_why(server: Server, http: Http) -> None:
    fault = StreamFault(problem=NotSignedIn("the token has ended").to_problem())
    server.streams(NEWEST, told(1), message("error", fault))
    found = follow(http)
    next(found)
    with pytest.raises(NotSignedIn, match="the token has ended"):
        next(found)
    server.streams(NEWEST, told(1), cut())
    server.refuses(f"GET {NEWEST}", NotFound("there is no team ann"))
    found = follow(http)
    assert [next(found), next(found)] == [change(1), None]
    with pytest.raises(NotFound):
        next(found)
