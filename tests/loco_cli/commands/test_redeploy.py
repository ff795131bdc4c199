"""`loco redeploy`."""

import pytest

from loco_spec.errors import Conflict
from tests.loco_cli.conftest import Clock, Loco
from tests.loco_cli.samples import APP, DEPLOYMENTS, DIAGNOSIS, deployment, event
from tests.loco_cli.server import END, PING, Server, message

pytestmark = pytest.mark.usefixtures("signed_in", "clock")

SHOP = ("--app", "shop", "--team", "ann")
ROLLING = message("event", event(1, "rolling out"), number=1)


def begins(server: Server) -> None:
    server.answers(f"POST {APP}/redeploy", deployment("accepted", 4))


def test_the_live_image_is_rolled_again_and_followed(server: Server, loco: Loco) -> None:
    begins(server)
    server.streams(f"{DEPLOYMENTS}/4/events", ROLLING, END)
    server.answers(f"GET {DEPLOYMENTS}/4", deployment("live", 4, urls=("https://shop.example.com",)))
    found = loco("redeploy", *SHOP)
    assert (found.code, found.err) == (0, "v4: rolling out\n")
    assert found.out == "v4 is live after 0.0 s\n  https://shop.example.com\n"


def test_a_program_gets_events_and_result(server: Server, loco: Loco) -> None:
    begins(server)
    server.streams(f"{DEPLOYMENTS}/4/events", ROLLING, END)
    live = deployment("live", 4)
    server.answers(f"GET {DEPLOYMENTS}/4", live)
    found = loco("redeploy", *SHOP, "--json")
    assert found.told == [{"version": 1, "event": event(1, "rolling out").model_dump(mode="json")}]
    result = {"deployment": live.model_dump(mode="json"), "unchanged": False, "seconds": 0.0}
    assert found.json == {"version": 1, "result": result}


def test_a_failure_is_one_screen(server: Server, loco: Loco) -> None:
    begins(server)
    server.streams(f"{DEPLOYMENTS}/4/events", END)
    server.answers(f"GET {DEPLOYMENTS}/4", deployment("failed", 4, reason="wrong port", diagnosis=DIAGNOSIS))
    found = loco("redeploy", *SHOP)
    assert (found.code, found.out) == (6, "")
    assert found.err.startswith("error: v4 failed: wrong port\n  phase: health")


def test_the_wait_is_limited(server: Server, loco: Loco, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    begins(server)
    server.streams(f"{DEPLOYMENTS}/4/events", PING)
    server.streams(f"{DEPLOYMENTS}/4/events", PING)
    server.streams(f"{DEPLOYMENTS}/4/events", PING)
    found = loco("redeploy", *SHOP, "--wait-timeout", "900ms")
    assert (found.code, found.out) == (8, "")
    assert found.err == (
        "error: v4 is still going after 1 s: accepted; it goes on without you\n"
        "next: loco deploy --attach v4 --app shop --team ann\n"
    )


def test_whoever_does_not_wait_is_told_how_to_follow(server: Server, loco: Loco) -> None:
    begins(server)
    found = loco("redeploy", *SHOP, "--detach")
    assert found.code == 0
    assert found.out.startswith("v4 is accepted; follow it with: loco deploy --attach v4\n")


def test_a_limit_that_is_none_is_refused_before_anything_is_rolled(server: Server, loco: Loco) -> None:
    found = loco("redeploy", *SHOP, "--wait-timeout", "soon")
    assert found.code == 2
    assert server.asked == []


def test_an_app_of_which_nothing_is_live_cannot_be_rolled_again(server: Server, loco: Loco) -> None:
    server.refuses(f"POST {APP}/redeploy", Conflict("nothing of shop is live", hint="loco deploy"))
    found = loco("redeploy", *SHOP)
    assert (found.code, found.err) == (1, "error: nothing of shop is live\nnext: loco deploy\n")
