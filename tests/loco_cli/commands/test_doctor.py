"""`loco doctor`."""

import pytest

from loco_spec import api
from loco_spec.errors import Diagnosis
from tests.loco_cli.conftest import Loco
from tests.loco_cli.samples import APP, DEPLOYMENTS, DIAGNOSIS, NOW, deployment, event, status
from tests.loco_cli.server import Server

pytestmark = [
    pytest.mark.usefixtures("signed_in"),
    pytest.mark.httpx_mock(assert_all_responses_were_requested=False),
]

SHOP = ("-a", "shop", "-t", "ann")
FAILED = deployment("failed", 4, reason="it listens on 3000, and loco.toml says 8080", diagnosis=DIAGNOSIS)
LIVE = deployment("live", 3, live_at=NOW)
STUCK = Diagnosis(phase="draining", seconds=2, cause="stuck-drain", message="v2-1 was killed", hint="exec the app")
CRASHING = api.Instance(name="v3-1", deployment=3, state="stopped", diagnosis=DIAGNOSIS)
SCREEN = """\
error: v4 failed: it listens on 3000, and loco.toml says 8080
  phase: health, after 3.5 s (5.0 s since the rollout began)
  cause: wrong-port
  listens on: 0.0.0.0:3000
  its last lines:
    ready on :3000
next: port = 3000
"""


def has(server: Server, *found: api.Deployment, events: tuple[Diagnosis, ...] = (), **of_app: object) -> None:
    server.answers(f"GET {DEPLOYMENTS}?limit=50", api.Deployments(deployments=found))
    for item in found:
        server.answers(f"GET {DEPLOYMENTS}/{item.number}", item)
    told = [event(n, each.message, "diagnosis", **each.model_dump(mode="json")) for n, each in enumerate(events, 1)]
    server.answers(f"GET {DEPLOYMENTS}/3/events?after=0", api.DeploymentEvents(events=(event(9), *told)))
    server.answers(f"GET {APP}", status(**of_app))


@pytest.mark.parametrize("version", [(), ("v4",), ("4",)])
def test_a_deployment_that_failed_is_one_screen(server: Server, loco: Loco, version: tuple[str, ...]) -> None:
    has(server, FAILED, LIVE)
    found = loco("doctor", *version, *SHOP)
    assert (found.code, found.out, found.err) == (0, SCREEN, "")


def test_the_last_that_failed_is_meant_even_where_a_later_one_did_not(server: Server, loco: Loco) -> None:
    has(server, deployment("cancelled", 5), FAILED, LIVE)
    assert loco("doctor", *SHOP).out == SCREEN


def test_what_is_wrong_now_comes_first(server: Server, loco: Loco) -> None:
    has(server, FAILED, LIVE, events=(STUCK,), instances=(CRASHING,))
    found = loco("doctor", *SHOP).out.splitlines()
    assert found[0] == "error: v3 is live, but it listens on 3000, and loco.toml says 8080"
    assert found[7:] == [
        "note: v3 is live, but v2-1 was killed",
        "  phase: draining, after 2.0 s",
        "  cause: stuck-drain",
        "next: exec the app",
    ]


def test_one_that_did_not_fail_says_so(server: Server, loco: Loco) -> None:
    has(server, deployment("cancelled", 5, reason="cancelled; nothing was changed"), deployment("rolling", 4), LIVE)
    assert loco("doctor", *SHOP).out == "v3 is live; nothing is wrong with it\n"
    assert loco("doctor", "v4", *SHOP).out == "v4 is rolling; nothing is wrong with it\n"
    cancelled = "error: v5 cancelled: cancelled; nothing was changed\nnext: loco deploy\n"
    assert loco("doctor", "v5", *SHOP).out == cancelled


def test_a_program_gets_the_deployment_and_what_was_told_of_it(server: Server, loco: Loco) -> None:
    has(server, FAILED, LIVE, events=(STUCK,))
    assert loco("doctor", "v4", *SHOP, "--json").json["result"]["deployment"] == FAILED.model_dump(mode="json")
    assert loco("doctor", *SHOP, "--json").json["result"]["told"] == [STUCK.model_dump(mode="json")]


@pytest.mark.parametrize("version", ["last", "v0", "v", "v1.2", "12345678901"])
def test_what_is_no_version_is_a_usage_error(loco: Loco, version: str) -> None:
    found = loco("doctor", version, *SHOP)
    assert (found.code, found.out) == (2, "")
    assert f'"{version}" is not a deployment' in found.err


def test_an_app_without_deployments_has_nothing_to_look_at(server: Server, loco: Loco) -> None:
    has(server)
    found = loco("doctor", *SHOP)
    assert (found.code, found.err) == (5, "error: shop has no deployment yet\nnext: loco deploy\n")
