"""Apps, and their log lines: read once, or followed through every cut."""

from collections.abc import Iterator
from datetime import datetime
from urllib.parse import quote_plus

import pytest

from loco_cli.client import apps
from loco_cli.client.apps import Asked
from loco_cli.client.http import Http
from loco_spec import api
from loco_spec.errors import EngineUnavailable, LocoError, NotFound, ServerFault, ServerUnreachable, TooManyRequests
from loco_spec.events import LogBatch, StreamFault
from tests.loco_cli.conftest import Clock
from tests.loco_cli.samples import APP, NOW, batch, deployment
from tests.loco_cli.server import END, PING, Server, cut, message

LOGS = f"{APP}/logs"
FOLLOW = f"{LOGS}?follow=1"
T = quote_plus(NOW.isoformat())


def lines(position: str, *texts: str) -> str:
    return message("lines", batch(position, *texts))


def fault(error: LocoError) -> str:
    return message("error", StreamFault(problem=error.to_problem()))


def read(http: Http, *, count: int | None = None, since: datetime | None = None) -> list[LogBatch | None]:
    return list(apps.logs(http, "ann", "shop", Asked(lines=count, since=since)))


def follow(http: Http, *, count: int | None = None, since: datetime | None = None) -> Iterator[LogBatch | None]:
    return apps.logs(http, "ann", "shop", Asked(follow=True, lines=count, since=since))


def test_apps_are_listed_looked_at_and_destroyed_under_their_team(server: Server, http: Http) -> None:
    summary = api.AppSummary(team="ann", app="shop", state="live", live=3, updated_at=NOW)
    server.answers("GET /v1/teams/ann/apps", api.Apps(apps=(summary,)))
    assert apps.apps(http, "ann").apps == (summary,)
    status = api.AppStatus(team="ann", app="shop", live=deployment())
    server.answers(f"GET {APP}", status)
    assert apps.status(http, "ann", "shop") == status
    server.answers(f"DELETE {APP}")
    apps.destroy(http, "ann", "shop")


def listed(server: Server, *states: str) -> None:
    """Let the app be in one state after the other when it is asked for; in the state "", it is gone."""
    for state in states:
        found = (api.AppSummary(team="ann", app="shop", state=state, updated_at=NOW),) if state else ()
        server.answers("GET /v1/teams/ann/apps", api.Apps(apps=found))


def test_the_end_of_an_app_is_waited_for_where_its_server_goes_away_meanwhile(
    server: Server, http: Http, clock: Clock
) -> None:
    server.is_away(f"DELETE {APP}", cut())
    server.is_away(f"DELETE {APP}")
    server.is_away("GET /v1/teams/ann/apps")
    listed(server, "destroying", "")
    apps.destroy(http, "ann", "shop")
    assert clock.slept == [0.1, 2, 2, 2]


def test_an_app_that_was_gone_when_it_was_asked_again_was_destroyed_by_the_first(
    server: Server, http: Http, clock: Clock
) -> None:
    server.is_away(f"DELETE {APP}", cut())
    server.refuses(f"DELETE {APP}", NotFound("team ann has no app shop"))
    apps.destroy(http, "ann", "shop")
    server.refuses(f"DELETE {APP}", NotFound("team ann has no app shop"))
    with pytest.raises(NotFound):
        apps.destroy(http, "ann", "shop")


def test_an_app_that_is_there_after_the_cut_was_not_destroyed_and_is_not_a_second_time(
    server: Server, http: Http, clock: Clock
) -> None:
    server.is_away(f"DELETE {APP}", cut())
    server.is_away(f"DELETE {APP}")
    listed(server, "live")
    with pytest.raises(ServerUnreachable):
        apps.destroy(http, "ann", "shop")


def test_an_end_is_waited_for_two_minutes(server: Server, http: Http, clock: Clock) -> None:
    server.is_away(f"DELETE {APP}")
    listed(server, *["destroying"] * 60)
    with pytest.raises(ServerUnreachable):
        apps.destroy(http, "ann", "shop")
    assert clock.slept == [2] * 60


def test_logs_are_read_to_the_end_and_pings_are_nothing(server: Server, http: Http) -> None:
    server.streams(LOGS, PING, lines("a", "one", "two"), PING, lines("b"), END)
    assert read(http) == [batch("a", "one", "two"), batch("b")]


def test_a_line_of_an_app_may_hold_what_other_texts_end_a_line_with(server: Server, http: Http) -> None:
    server.streams(LOGS, lines("a", "one\u2028two\x85three"), END)
    assert read(http) == [batch("a", "one\u2028two\x85three")]


@pytest.mark.parametrize(
    ("count", "since", "query"),
    [(5, None, "lines=5"), (0, None, "lines=0"), (None, NOW, f"since={T}"), (5, NOW, f"since={T}&lines=5")],
)
def test_logs_are_asked_for_by_number_and_by_time(
    server: Server, http: Http, count: int | None, since: datetime | None, query: str
) -> None:
    server.streams(f"{LOGS}?{query}", END)
    assert read(http, count=count, since=since) == []


def test_the_lines_of_one_instance_and_of_what_is_over_are_asked_for_again_after_a_cut(
    server: Server, http: Http
) -> None:
    server.streams(f"{LOGS}?instance=v3-1&previous=1&lines=5", END)
    found = apps.logs(http, "ann", "shop", Asked(lines=5, instance="v3-1", previous=True))
    assert list(found) == []
    server.streams(f"{FOLLOW}&instance=v3-1&lines=5", lines("a", "one"), cut())
    server.streams(f"{FOLLOW}&instance=v3-1", lines("b", "two"), END, last_id="a")
    found = apps.logs(http, "ann", "shop", Asked(lines=5, follow=True, instance="v3-1"))
    assert list(found) == [batch("a", "one"), None, batch("b", "two")]


def test_logs_that_end_without_an_end_have_ended(server: Server, http: Http) -> None:
    server.streams(LOGS, lines("a", "one"))
    assert read(http) == [batch("a", "one")]


def test_logs_that_are_cut_are_told_after_what_came(server: Server, http: Http) -> None:
    server.streams(LOGS, lines("a", "one"), cut())
    found = apps.logs(http, "ann", "shop", Asked())
    assert next(found) == batch("a", "one")
    with pytest.raises(ServerUnreachable, match=r"^the connection to http://127\.0\.0\.1:7070 was cut$") as caught:
        next(found)
    assert caught.value.hint == "run the command again"


def test_an_error_at_the_end_of_a_stream_is_raised_as_its_class(server: Server, http: Http) -> None:
    server.streams(LOGS, lines("a", "one"), fault(EngineUnavailable("the engine is down")))
    with pytest.raises(EngineUnavailable, match="the engine is down"):
        read(http)


def test_an_app_that_is_not_there_is_told_also_when_followed(server: Server, http: Http) -> None:
    server.refuses(f"GET {FOLLOW}", NotFound("there is no app shop"))
    with pytest.raises(NotFound):
        next(follow(http))


def test_a_followed_log_goes_on_where_it_was_cut(server: Server, http: Http) -> None:
    """The number of lines is asked for once: they have come. The time is asked for again: it is a lower bound."""
    server.streams(f"{FOLLOW}&since={T}&lines=5", lines("a", "one"), lines("b", "two"), cut())
    server.streams(f"{FOLLOW}&since={T}", lines("c", "three"), END, last_id="b")
    found = list(follow(http, count=5, since=NOW))
    assert found == [batch("a", "one"), batch("b", "two"), None, batch("c", "three")]


def test_a_followed_log_that_is_cut_before_its_first_line_begins_anew(server: Server, http: Http) -> None:
    server.streams(f"{FOLLOW}&lines=5", PING, cut())
    server.streams(f"{FOLLOW}&lines=5", lines("a", "one"), END)
    assert list(follow(http, count=5)) == [None, batch("a", "one")]
    assert "last-event-id" not in server.mock.get_requests()[-1].headers


def test_a_followed_log_outlives_a_restart_of_the_server_and_of_the_engine(server: Server, http: Http) -> None:
    server.streams(FOLLOW, lines("a", "one"))
    server.is_away(f"GET {FOLLOW}")
    server.says(f"GET {FOLLOW}", 502, b"<html>of the proxy before it")
    server.streams(FOLLOW, fault(EngineUnavailable("the engine is down")), last_id="a")
    server.refuses(f"GET {FOLLOW}", EngineUnavailable("the engine is down"))
    server.streams(FOLLOW, lines("b", "two"), END, last_id="a")
    assert list(follow(http)) == [batch("a", "one"), *[None] * 5, batch("b", "two")]


def test_a_server_that_was_never_reached_is_told_also_when_followed(server: Server, http: Http) -> None:
    server.is_away(f"GET {FOLLOW}")
    with pytest.raises(ServerUnreachable, match="refused"):
        next(follow(http))


def test_a_defect_of_the_server_ends_also_a_followed_log(server: Server, http: Http) -> None:
    server.streams(FOLLOW, lines("a", "one"), fault(ServerFault("a defect of the server (request x)")))
    found = follow(http)
    next(found)
    with pytest.raises(ServerFault, match="request x"):
        next(found)


def test_a_followed_log_goes_on_where_the_server_had_no_time_for_it_and_one_that_is_read_once_does_not(
    server: Server, http: Http
) -> None:
    busy = TooManyRequests("too many", retry_after=60)
    server.refuses(f"GET {FOLLOW}", busy)
    server.streams(FOLLOW, lines("a", "one"))
    found = follow(http)
    assert [next(found), next(found)] == [None, batch("a", "one")]
    server.refuses(f"GET {LOGS}", busy)
    with pytest.raises(TooManyRequests):
        read(http)
