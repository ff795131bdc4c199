"""Deployments: what is sent for each step, and following one through every cut."""

import httpx
import pytest

from loco_cli.client import deployments
from loco_cli.client.http import Http
from loco_spec import api
from loco_spec.errors import ImageRefused, NotFound, ServerUnreachable, TooManyRequests
from loco_spec.events import DeploymentEvent, StreamFault
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
    assert clock.slept == [0.1]


def test_an_image_is_handed_over_again_for_as_long_as_a_server_may_be_away(
    server: Server, http: Http, two_seconds: Clock
) -> None:
    for _ in range(3):
        server.is_away(f"POST {V3}/image")
    with pytest.raises(ServerUnreachable):
        deployments.image(http, ITEM, DIGEST)
    assert two_seconds.slept == [2, 2]


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


def polled(server: Server, state: str, *numbers: int, after: int) -> None:
    server.answers(f"GET {V3}", deployment(state))
    found = api.DeploymentEvents(events=tuple(event(number) for number in numbers))
    server.answers(f"GET {EVENTS}?after={after}", found)


@pytest.mark.parametrize("parts", [(), (cut(),), (httpx.ReadTimeout("silence"),)])
def test_where_no_stream_gets_through_the_events_are_polled(
    server: Server, http: Http, clock: Clock, parts: tuple[BaseException, ...]
) -> None:
    for last in (0, 1, 1):
        server.streams(EVENTS, *parts, last_id=str(last))
    polled(server, "rolling", 1, after=0)
    polled(server, "rolling", after=1)
    polled(server, "live", 2, after=1)
    assert follow(http) == [event(1), None, None, event(2)]
    assert clock.slept == [2, 2]


@pytest.mark.parametrize("status", [400, 403, 406, 426, 500, 502])
def test_a_proxy_that_lets_no_stream_through_hides_no_end(
    server: Server, http: Http, clock: Clock, status: int
) -> None:
    for _ in range(2):
        server.says(f"GET {EVENTS}", status, b"<html>no streams here")
    polled(server, "rolling", 1, after=0)
    polled(server, "live", 2, 3, after=1)
    assert follow(http) == [event(1), None, event(2), event(3)]


def test_a_stream_that_somebody_keeps_back_is_polled_beside_for_a_while(
    server: Server, http: Http, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connected, and silent until nobody waits any longer."""
    stream = http.stream

    def silent(path: str, *, last_id: str | None, **query: str) -> object:
        clock.now += 40
        return stream(path, last_id=last_id, **query)

    monkeypatch.setattr(http, "stream", silent)
    server.streams(EVENTS, httpx.ReadTimeout("silence"), last_id="0")
    for _ in range(15):
        polled(server, "rolling", after=0)
    server.streams(EVENTS, said(1), END, last_id="0")
    assert [found for found in follow(http) if found is not None] == [event(1)]


def test_what_a_stream_says_went_wrong_is_asked_for_instead(server: Server, http: Http, clock: Clock) -> None:
    fault = StreamFault(problem=NotFound("gone").to_problem())
    server.streams(EVENTS, PING, message("error", fault), last_id="0")
    server.refuses(f"GET {V3}", NotFound("there is no v3"))
    with pytest.raises(NotFound, match="v3"):
        follow(http)


def test_how_it_ended_is_asked_until_there_is_an_answer(server: Server, http: Http, two_seconds: Clock) -> None:
    server.is_away(f"GET {V3}")
    server.says(f"GET {V3}", 503)
    server.answers(f"GET {V3}", deployment("live"))
    assert deployments.ended(http, ITEM).state == "live"


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
    polled(server, "rolling", after=0)
    is_away(server, 4)
    server.streams(EVENTS, END, last_id="0")
    assert set(follow(http)) == {None}


def test_what_the_server_refuses_ends_it(server: Server, http: Http) -> None:
    server.refuses(f"GET {EVENTS}", NotFound("there is no v3"))
    server.refuses(f"GET {V3}", NotFound("there is no v3"))
    with pytest.raises(NotFound, match="v3"):
        follow(http)


def test_following_goes_on_where_the_server_had_no_time_for_it(server: Server, http: Http, clock: Clock) -> None:
    busy = TooManyRequests("too many", retry_after=60)
    server.refuses(f"GET {EVENTS}", busy)
    server.refuses(f"GET {V3}", busy)
    server.streams(EVENTS, said(1), END, last_id="0")
    assert [found for found in follow(http) if found is not None] == [event(1)]
    assert 60 not in clock.slept
