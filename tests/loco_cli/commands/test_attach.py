"""`loco deploy --attach v4`: a deployment that there is, whoever made it and in whatever state."""

from datetime import timedelta
from pathlib import Path

import pytest

from loco_spec.errors import NotFound
from tests.loco_cli.conftest import Clock, Loco
from tests.loco_cli.samples import DEPLOYMENTS, DIAGNOSIS, NOW, deployment, event, status
from tests.loco_cli.server import END, PING, Server, message

pytestmark = pytest.mark.usefixtures("signed_in", "clock")

SHOP = ("--app", "shop", "--team", "ann")
V4 = f"{DEPLOYMENTS}/4"
ROLLING = message("event", event(1, "rolling out"), number=1)


@pytest.mark.parametrize("number", ["v4", "4"])
def test_its_events_are_told_from_the_first_on_and_nothing_is_built(server: Server, loco: Loco, number: str) -> None:
    server.answers(f"GET {V4}", deployment("rolling", 4, action="redeploy"))
    server.streams(f"{V4}/events", ROLLING, END, last_id="0")
    server.answers(f"GET {V4}", deployment("live", 4, live_at=NOW + timedelta(seconds=75), urls=()))
    found = loco("deploy", "--attach", number, *SHOP)
    assert (found.code, found.err, found.out) == (0, "v4: rolling out\n", "v4 is live after 75.0 s\n")


@pytest.mark.parametrize(
    ("state", "code", "said"),
    [
        ("replaced", 0, "v4 was live, and is replaced by now; loco status\n"),
        ("failed", 6, "error: v4 failed: wrong port\n  phase: health"),
        ("cancelled", 6, "error: v4 cancelled: wrong port\n"),
        ("superseded", 6, "error: v4 was superseded: wrong port\n"),
    ],
)
def test_one_that_has_ended_ends_as_its_deploy_did(
    server: Server, loco: Loco, state: str, code: int, said: str
) -> None:
    diagnosis = DIAGNOSIS if state == "failed" else None
    for _ in range(2):
        server.answers(f"GET {V4}", deployment(state, 4, reason="wrong port", diagnosis=diagnosis, urls=()))
    server.streams(f"{V4}/events", END)
    found = loco("deploy", "--attach", "v4", *SHOP)
    assert found.code == code
    assert (found.out + found.err).startswith(said)


def test_the_wait_is_limited_here_too(server: Server, loco: Loco, clock: Clock) -> None:
    server.answers(f"GET {V4}", deployment("accepted", 4))
    for _ in range(3):
        server.streams(f"{V4}/events", PING)
    found = loco("deploy", "--attach", "v4", *SHOP, "--wait-timeout", "900ms")
    assert (found.code, found.out) == (8, "")
    assert found.err.endswith("accepted; it goes on without you\nnext: loco deploy --attach v4 --app shop --team ann\n")


def test_one_that_is_not_there_is_told(server: Server, loco: Loco) -> None:
    server.refuses(f"GET {V4}", NotFound("shop has no deployment v4", hint="loco status"))
    assert loco("deploy", "--attach", "v4", *SHOP).code == 5


@pytest.mark.parametrize("more", [("--detach",), ("--force",), ("--build-arg", "A=b"), ("--list-files",)])
def test_what_is_for_a_new_deployment_is_refused_with_it(server: Server, loco: Loco, more: tuple[str, ...]) -> None:
    found = loco("deploy", "--attach", "v4", *SHOP, *more)
    assert (found.code, server.asked) == (2, [])


@pytest.mark.parametrize("text", ["latest", "v", "v1.2", "vv4"])
def test_what_is_no_number_is_refused(server: Server, loco: Loco, text: str) -> None:
    found = loco("deploy", "--attach", text, *SHOP)
    assert (found.code, server.asked) == (2, [])


def test_the_status_of_an_app_says_what_is_under_way_and_for_how_long(
    server: Server, loco: Loco, tmp_path: Path
) -> None:
    rolling = deployment("rolling", 4, state_at=NOW - timedelta(days=2))
    server.answers("GET /v1/teams/ann/apps/shop", status(live=deployment(), latest=rolling))
    found = loco("status", *SHOP)
    line = next(line for line in found.out.splitlines() if line.startswith("newest:"))
    assert line.startswith("newest: v4 rolling by ann, for ")
    assert line.endswith("; loco deploy --attach v4")
