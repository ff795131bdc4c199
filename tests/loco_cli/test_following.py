"""Following a deployment that is the server's: to its end, to a time limit, to a Ctrl-C."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from loco_cli.context import Context
from loco_cli.following import Follower, Waiting
from loco_cli.options import Named
from loco_cli.ui.results import Deployed
from loco_spec.api import Deployment
from loco_spec.errors import (
    ConfigError,
    Conflict,
    DeploymentFailed,
    Interrupted,
    LocoError,
    ServerUnreachable,
    StillGoing,
    Superseded,
)
from loco_spec.events import DeploymentEvent
from tests.loco_cli.conftest import Clock
from tests.loco_cli.samples import DEPLOYMENTS, DIAGNOSIS, deployment, event
from tests.loco_cli.screen import at_a_terminal
from tests.loco_cli.server import END, PING, Part, Server, message

V3 = f"{DEPLOYMENTS}/3"
EVENTS = f"{V3}/events"
ROLLING = deployment("rolling")

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def context(signed_in: Path, clock: Clock) -> Context:
    return Context()


def said(number: int, text: str = "", kind: str = "step", **detail: str) -> str:
    return message("event", event(number, text, kind, **detail), number=number)


def follow(context: Context, *, limit: str = "10m") -> Deployed:
    return Follower(context, Waiting(limit), Named()).follow(ROLLING)


def ends(server: Server, found: Deployment, *parts: Part) -> None:
    server.streams(EVENTS, *parts, END)
    server.answers(f"GET {V3}", found)


def test_what_happens_is_shown_as_it_comes_and_the_end_is_the_result(
    server: Server, context: Context, clock: Clock, capsys: Capture
) -> None:
    ends(server, deployment(), PING, said(1, "rolling out"), said(2, "v3-1 is healthy"))
    started = Follower(context, Waiting("10m"), Named())
    clock.now += 7
    assert started.follow(ROLLING) == Deployed(deployment=deployment(), unchanged=False, seconds=7)
    assert capsys.readouterr() == ("", "v3: rolling out\nv3: v3-1 is healthy\n")


def test_while_nothing_happens_a_person_sees_how_long_it_takes(
    server: Server, context: Context, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = at_a_terminal(monkeypatch)
    ends(server, deployment(), PING)
    follower = Follower(context, Waiting("10m"), Named())
    clock.now += 7
    follower.follow(ROLLING)
    context.close()
    assert "v3: waiting (7 s)" in screen.getvalue()


def test_what_is_known_already_and_what_the_end_tells_is_not_shown(
    server: Server, context: Context, capsys: Capture
) -> None:
    created, checking = (said(n, text, "state", state=text) for n, text in enumerate(("created", "checking")))
    end = said(5, "live", "state", state="live")
    ends(server, deployment(), created, checking, said(3, "the reason", "diagnosis"), said(4, "a note", "note"), end)
    follow(context)
    assert capsys.readouterr().err == "v3: checking\nv3: a note\n"


def test_a_deployment_that_another_replaced_meanwhile_was_live(server: Server, context: Context) -> None:
    ends(server, deployment("replaced"))
    assert follow(context).deployment.state == "replaced"


def test_a_deployment_that_failed_is_raised_with_its_diagnosis(server: Server, context: Context) -> None:
    ends(server, deployment("failed", reason="wrong port\nmore of it", diagnosis=DIAGNOSIS))
    with pytest.raises(DeploymentFailed) as caught:
        follow(context)
    found = caught.value
    assert (found.message, found.hint, found.diagnosis) == ("v3 failed: wrong port", "port = 3000", DIAGNOSIS)


@pytest.mark.parametrize("state", ["failed", "cancelled", "expired"])
def test_a_deployment_that_never_served_is_raised_with_its_reason(server: Server, context: Context, state: str) -> None:
    ends(server, deployment(state))
    with pytest.raises(DeploymentFailed) as caught:
        follow(context)
    assert (caught.value.message, caught.value.hint) == (f"v3 {state}: {state}", "loco deploy")


def test_a_deployment_that_came_too_late_says_which_one_is_newer(server: Server, context: Context) -> None:
    ends(server, deployment("superseded", reason="v4 by bob is newer"))
    with pytest.raises(Superseded) as caught:
        follow(context)
    assert (caught.value.message, caught.value.hint) == ("v3 was superseded: v4 by bob is newer", "loco status")


def test_after_the_limit_the_deployment_goes_on_without_us(server: Server, context: Context, clock: Clock) -> None:
    server.streams(EVENTS, said(1), PING, PING)
    follower = Follower(context, Waiting("90s"), Named())
    clock.now += 90.5
    with pytest.raises(StillGoing) as caught:
        follower.follow(ROLLING)
    assert caught.value.message == "v3 is still going after 90 s: rolling; it goes on without you"
    assert caught.value.hint == "loco deploy --attach v3"


def test_up_to_the_limit_nothing_ends(server: Server, context: Context, clock: Clock) -> None:
    ends(server, deployment(), said(1))
    follower = Follower(context, Waiting("90s"), Named())
    clock.now += 90
    assert follower.follow(ROLLING).seconds == 90


@pytest.mark.parametrize("limit", ["", "soon", "10", "-1s"])
def test_a_limit_that_is_no_duration_is_refused_at_once(context: Context, limit: str) -> None:
    with pytest.raises(ConfigError, match=r"^--wait-timeout: expected a duration") as caught:
        Follower(context, Waiting(limit), Named())
    assert caught.value.hint == "--wait-timeout 10m"


def interrupted(server: Server, context: Context) -> LocoError:
    """Press Ctrl-C while it is followed; give what comes of it."""
    server.streams(EVENTS, said(1), KeyboardInterrupt())
    with pytest.raises(LocoError) as caught:
        follow(context)
    return caught.value


def test_without_a_terminal_ctrl_c_leaves_the_deployment_to_the_server(server: Server, context: Context) -> None:
    found = interrupted(server, context)
    assert type(found) is Interrupted
    assert (found.message, found.hint) == ("v3 goes on without you", "loco deploy --attach v3")


@pytest.mark.parametrize("typed", ["d\n", "\n", "what?\n", ""])
def test_at_a_terminal_ctrl_c_asks_and_everything_but_a_c_detaches(
    server: Server, context: Context, types: Callable[[str], None], capsys: Capture, typed: str
) -> None:
    types(typed)
    assert interrupted(server, context).message == "v3 goes on without you"
    assert "v3 is being rolled out. [d]etach and let it go on, or [c]ancel it? " in capsys.readouterr().err


@pytest.mark.parametrize("typed", ["c\n", "Cancel\n"])
def test_at_a_terminal_a_c_cancels(server: Server, context: Context, types: Callable[[str], None], typed: str) -> None:
    types(typed)
    server.answers(f"POST {V3}/cancel", deployment("cancelled", reason="cancelled; the previous deployment serves on"))
    found = interrupted(server, context)
    assert type(found) is Interrupted
    assert found.message == "v3 cancelled; the previous deployment serves on"


def test_a_second_ctrl_c_at_the_question_detaches(
    server: Server, context: Context, types: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    types("c\n")

    def ask(question: str) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(context.ui, "ask", ask)
    assert interrupted(server, context).message == "v3 goes on without you"


def test_a_cancel_that_comes_too_late_says_so(server: Server, context: Context, types: Callable[[str], None]) -> None:
    types("c\n")
    server.refuses(f"POST {V3}/cancel", Conflict("v3 is live"))
    found = interrupted(server, context)
    assert type(found) is Interrupted
    assert found.message == "v3 was not cancelled: v3 is live"


def told_to_cancel(server: Server, context: Context) -> Interrupted:
    """Press Ctrl-C where it cancels without a question; give what comes of it."""
    server.streams(EVENTS, said(1), KeyboardInterrupt())
    with pytest.raises(Interrupted) as caught:
        Follower(context, Waiting(cancel=True), Named(app="shop")).follow(ROLLING)
    return caught.value


def test_a_ctrl_c_that_cancels_asks_nobody_and_waits_to_see_the_end(
    server: Server, context: Context, clock: Clock
) -> None:
    server.answers(f"POST {V3}/cancel", deployment("rolling"))
    server.answers(f"GET {V3}", deployment("rolling"))
    server.answers(f"GET {V3}", deployment("cancelled"))
    found = told_to_cancel(server, context)
    assert (found.message, found.exit_code) == ("v3 cancelled", 130)
    assert clock.slept == [0.5, 0.5]


def test_a_ctrl_c_that_cancels_tells_what_came_first(server: Server, context: Context) -> None:
    server.answers(f"POST {V3}/cancel", deployment("rolling"))
    server.answers(f"GET {V3}", deployment("live"))
    assert told_to_cancel(server, context).message == "v3 had ended before it could be cancelled: live"


def test_a_cancel_that_takes_its_time_is_not_waited_for(
    server: Server, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loco_cli.following.CANCEL_SECONDS", 0.9)
    server.answers(f"POST {V3}/cancel", deployment("rolling"))
    server.answers(f"GET {V3}", deployment("rolling"))
    server.answers(f"GET {V3}", deployment("rolling"))
    found = told_to_cancel(server, context)
    assert (found.message, found.hint) == ("v3 is being cancelled", "loco deploy --attach v3 --app shop")


@pytest.mark.parametrize("fault", [KeyboardInterrupt(), httpx.ConnectError("refused")])
def test_a_second_ctrl_c_and_a_server_that_is_away_leave_it_open(
    server: Server, context: Context, fault: Exception
) -> None:
    server.is_away(f"POST {V3}/cancel", fault)
    found = told_to_cancel(server, context)
    assert found.message.startswith("v3 may ")


def test_the_limit_tells_the_state_and_for_how_long_it_is_in_it(server: Server, context: Context, clock: Clock) -> None:
    began = datetime.now(UTC) - timedelta(seconds=75)
    state = DeploymentEvent(number=1, at=began, kind="state", message="releasing", detail={"state": "releasing"})
    server.streams(EVENTS, message("event", state, number=1), PING, PING)
    follower = Follower(context, Waiting("1s"), Named(app="shop", team="acme inc"))
    clock.now += 1.5
    with pytest.raises(StillGoing) as caught:
        follower.follow(ROLLING)
    assert re.fullmatch(
        r"v3 is still going after 1 s: releasing for 7\d s; it goes on without you", caught.value.message
    )
    assert (caught.value.hint, caught.value.exit_code) == ("loco deploy --attach v3 --app shop --team 'acme inc'", 8)


def test_a_server_that_is_away_when_the_deployment_has_ended_fails_nothing(
    server: Server, context: Context, clock: Clock
) -> None:
    server.streams(EVENTS, said(1), END)
    server.is_away(f"GET {V3}")
    server.says(f"GET {V3}", 503, b"starting")
    server.answers(f"GET {V3}", deployment())
    assert follow(context).deployment.state == "live"


def test_a_server_that_stays_away_is_told_with_how_to_go_on(server: Server, context: Context, clock: Clock) -> None:
    server.mock.add_exception(httpx.ConnectError("refused"), is_reusable=True)
    with pytest.raises(ServerUnreachable) as caught:
        follow(context)
    assert caught.value.message.endswith("v3 goes on without you")
    assert caught.value.hint == "loco deploy --attach v3"
    assert 110 < sum(clock.slept) < 130


def test_the_limit_holds_while_the_server_is_away(server: Server, context: Context, clock: Clock) -> None:
    server.mock.add_exception(httpx.ConnectError("refused"), is_reusable=True)
    with pytest.raises(StillGoing):
        follow(context, limit="5s")
    assert 5 <= sum(clock.slept) < 7
