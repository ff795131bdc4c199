"""Deployments: what is sent for each step, and following one through every cut."""

import httpx
import pytest

from loco_cli.client import deployments
from loco_cli.client.http import Http
from loco_spec import api
from loco_spec.errors import ImageRefused, NotFound, ServerUnreachable, TooManyRequests
from loco_spec.events import DeploymentEvent
from loco_spec.kinds.service import Service
from tests.loco_cli.conftest import Clock
from tests.loco_cli.samples import DEPLOYMENTS, DIGEST, created, deployment, event
from tests.loco_cli.server import END, PING, Server, cut, message

ITEM = deployment("rolling")
V3 = f"{DEPLOYMENTS}/3"
EVENTS = f"{V3}/events"


def said(number: int) -> str:
    return message("event", event(number), number=number)


def follow(http: Http) -> list[DeploymentEvent | None]:
    return list(deployments.follow(http, ITEM))


def test_a_deployment_is_made_from_the_spec_and_answered_with_a_ticket(server: Server, http: Http) -> None:
    server.answers(f"POST {DEPLOYMENTS}", created())
    request = api.DeploymentCreate(spec=Service(name="shop"), digest=DIGEST, force=True)
    assert deployments.create(http, "ann", "shop", request) == created()
    assert api.DeploymentCreate.model_validate(server.body()) == request
    assert server.mock.get_requests()[0].headers["content-type"] == "application/json"


def test_a_deployment_is_looked_at_cancelled_and_rolled_again_under_its_number(server: Server, http: Http) -> None:
    server.answers(f"GET {V3}", ITEM)
    server.answers(f"POST {V3}/cancel", deployment("cancelled"))
    server.answers("POST /v1/teams/ann/apps/shop/redeploy", deployment("accepted", 4))
    assert deployments.get(http, ITEM) == ITEM
    assert deployments.cancel(http, ITEM).state == "cancelled"
    assert deployments.redeploy(http, "ann", "shop").number == 4


def test_an_image_is_handed_over_by_its_digest(server: Server, http: Http) -> None:
    server.answers(f"POST {V3}/image", deployment("accepted"))
    assert deployments.image(http, ITEM, DIGEST).state == "accepted"
    assert server.body() == {"digest": DIGEST}


def test_an_image_is_handed_over_once_more_when_the_answer_is_lost(server: Server, http: Http, clock: Clock) -> None:
    server.is_away(f"POST {V3}/image", cut())
    server.answers(f"POST {V3}/image", deployment("accepted"))
    assert deployments.image(http, ITEM, DIGEST).state == "accepted"
    assert server.body(0) == server.body(1) == {"digest": DIGEST}
    assert clock.slept == [2]


def test_an_image_is_handed_over_until_the_server_has_been_away_for_two_minutes(
    server: Server, http: Http, clock: Clock
) -> None:
    for _ in range(62):
        server.is_away(f"POST {V3}/image")
    with pytest.raises(ServerUnreachable):
        deployments.image(http, ITEM, DIGEST)
    assert clock.slept == [2] * 61


def test_an_image_that_is_refused_stays_refused(server: Server, http: Http, clock: Clock) -> None:
    server.refuses(f"POST {V3}/image", ImageRefused("it runs as root"))
    with pytest.raises(ImageRefused, match="root"):
        deployments.image(http, ITEM, DIGEST)
    assert clock.slept == []


def test_events_come_in_order_until_the_end_and_nothing_is_asked_after_it(server: Server, http: Http) -> None:
    server.streams(EVENTS, PING, said(1), said(2), PING, END, said(3), last_id="0")
    assert follow(http) == [None, event(1), event(2), None]


def test_a_cut_stream_is_resumed_after_the_last_event_and_none_comes_twice(
    server: Server, http: Http, clock: Clock
) -> None:
    server.streams(EVENTS, said(1), said(2), cut(), last_id="0")
    server.streams(EVENTS, said(3), cut(), last_id="2")
    server.streams(EVENTS, said(4), END, last_id="3")
    assert follow(http) == [event(1), event(2), None, event(3), None, event(4)]
    assert clock.slept == [0.5, 0.5]


def test_a_stream_that_ends_without_an_end_is_resumed(server: Server, http: Http, clock: Clock) -> None:
    """So it is when the server restarts."""
    server.streams(EVENTS, said(1), last_id="0")
    server.streams(EVENTS, END, last_id="1")
    assert follow(http) == [event(1), None]


def test_half_a_message_before_a_cut_is_read_whole_afterwards(server: Server, http: Http, clock: Clock) -> None:
    server.streams(EVENTS, said(1), said(2)[:40], cut(), last_id="0")
    server.streams(EVENTS, said(2), END, last_id="1")
    assert follow(http) == [event(1), None, event(2)]


@pytest.mark.parametrize("parts", [(), (cut(),), (httpx.ReadTimeout("silence"),)])
def test_where_no_stream_gets_through_the_state_is_polled(
    server: Server, http: Http, clock: Clock, parts: tuple[BaseException, ...]
) -> None:
    for state in ("rolling", "rolling", "live"):
        server.streams(EVENTS, *parts, last_id="0")
        server.answers(f"GET {V3}", deployment(state))
    assert follow(http) == [None, None]
    assert clock.slept == [0.5, 0.5]


def test_a_stream_that_gets_through_is_not_polled_beside(server: Server, http: Http, clock: Clock) -> None:
    server.streams(EVENTS, PING, cut(), last_id="0")
    server.streams(EVENTS, END, last_id="0")
    assert follow(http) == [None, None]
    assert not [asked for asked in server.asked if not asked.endswith("/events")]


@pytest.fixture
def two_seconds(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """For so long a server may be away in these tests: asked at 0, 0.5, 1, 1.5 and 2."""
    monkeypatch.setattr(deployments, "GIVE_UP_SECONDS", 2)
    return clock


def is_away(server: Server, times: int) -> None:
    for _ in range(times - 1):
        server.is_away(f"GET {EVENTS}")
        server.is_away(f"GET {V3}")
    server.says(f"GET {EVENTS}", 502, b"<html>of the proxy before it")
    server.says(f"GET {V3}", 502, b"<html>of the proxy before it")


def test_a_server_may_be_away_for_a_while(server: Server, http: Http, two_seconds: Clock) -> None:
    server.streams(EVENTS, said(1), cut(), last_id="0")
    is_away(server, 5)
    server.streams(EVENTS, said(2), END, last_id="1")
    assert follow(http) == [event(1), None, None, None, None, None, None, event(2)]


def test_a_server_that_stays_away_is_told(server: Server, http: Http, two_seconds: Clock) -> None:
    is_away(server, 6)
    with pytest.raises(ServerUnreachable, match="answered 502"):
        follow(http)
    assert sum(two_seconds.slept) == 2.5


def test_the_while_begins_anew_when_the_server_was_back(server: Server, http: Http, two_seconds: Clock) -> None:
    is_away(server, 4)
    server.streams(EVENTS, PING, cut(), last_id="0")
    is_away(server, 4)
    server.streams(EVENTS, cut(), last_id="0")
    server.answers(f"GET {V3}", deployment("rolling"))
    is_away(server, 4)
    server.streams(EVENTS, END, last_id="0")
    assert set(follow(http)) == {None}


def test_what_the_server_refuses_ends_it(server: Server, http: Http) -> None:
    server.refuses(f"GET {EVENTS}", NotFound("there is no v3"))
    with pytest.raises(NotFound, match="v3"):
        follow(http)


def test_following_goes_on_where_the_server_had_no_time_for_it(server: Server, http: Http, clock: Clock) -> None:
    busy = TooManyRequests("too many", retry_after=60)
    server.refuses(f"GET {EVENTS}", busy)
    server.refuses(f"GET {V3}", busy)
    server.streams(EVENTS, said(1), END, last_id="0")
    assert [found for found in follow(http) if found is not None] == [event(1)]
    assert 60 not in clock.slept
