"""Following a deployment that is the server's: to its end, to a time limit, to a Ctrl-C."""

from collections.abc import Callable
from pathlib import Path

import pytest

from loco_cli.context import Context
from loco_cli.following import Follower
from loco_cli.ui.results import Deployed
from loco_spec.api import Deployment
from loco_spec.errors import (
    ConfigError,
    Conflict,
    DeploymentFailed,
    Interrupted,
    LocoError,
    StillGoing,
    Superseded,
)
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
    return Follower(context, wait_timeout=limit).follow(ROLLING)


def ends(server: Server, found: Deployment, *parts: Part) -> None:
    server.streams(EVENTS, *parts, END)
    server.answers(f"GET {V3}", found)


def test_what_happens_is_shown_as_it_comes_and_the_end_is_the_result(
    server: Server, context: Context, clock: Clock, capsys: Capture
) -> None:
    ends(server, deployment(), PING, said(1, "rolling out"), said(2, "live", "state", state="live"))
    started = Follower(context, wait_timeout="10m")
    clock.now += 7
    assert started.follow(ROLLING) == Deployed(deployment=deployment(), unchanged=False, seconds=7)
    assert capsys.readouterr() == ("", "v3: rolling out\nv3: live\n")


def test_while_nothing_happens_a_person_sees_how_long_it_takes(
    server: Server, context: Context, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = at_a_terminal(monkeypatch)
    ends(server, deployment(), PING)
    follower = Follower(context, wait_timeout="10m")
    clock.now += 7
    follower.follow(ROLLING)
    context.close()
    assert "v3: waiting (7 s)" in screen.getvalue()


def test_what_is_known_already_and_what_the_end_tells_is_not_shown(
    server: Server, context: Context, capsys: Capture
) -> None:
    created, checking = (said(n, text, "state", state=text) for n, text in enumerate(("created", "checking")))
    ends(server, deployment(), created, checking, said(3, "the reason", "diagnosis"), said(4, "a note", "note"))
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
    follower = Follower(context, wait_timeout="90s")
    clock.now += 90.5
    with pytest.raises(StillGoing) as caught:
        follower.follow(ROLLING)
    assert caught.value.message == "v3 is still going after 90 s; it goes on without you"
    assert caught.value.hint == "loco status"


def test_up_to_the_limit_nothing_ends(server: Server, context: Context, clock: Clock) -> None:
    ends(server, deployment(), said(1))
    follower = Follower(context, wait_timeout="90s")
    clock.now += 90
    assert follower.follow(ROLLING).seconds == 90


@pytest.mark.parametrize("limit", ["", "soon", "10", "-1s"])
def test_a_limit_that_is_no_duration_is_refused_at_once(context: Context, limit: str) -> None:
    with pytest.raises(ConfigError, match=r"^--wait-timeout: expected a duration") as caught:
        Follower(context, wait_timeout=limit)
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
    assert (found.message, found.hint) == ("v3 goes on without you", "loco status, loco logs -f")


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
    server.answers(f"POST {V3}/cancel", deployment("cancelled"))
    found = interrupted(server, context)
    assert type(found) is Interrupted
    assert found.message == "v3 is being cancelled; the previous deployment serves on"


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
    assert type(found) is Conflict
    assert found.message == "v3 is live"
