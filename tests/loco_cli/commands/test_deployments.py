"""`loco deployments`, and everything of one."""

from datetime import timedelta
from typing import Any

import pytest

from loco_spec import api
from loco_spec.errors import NotFound
from loco_spec.events import DeploymentEvent
from tests.loco_cli.conftest import Loco
from tests.loco_cli.samples import APP, DEPLOYMENTS, DIAGNOSIS, DIGEST, NOW, batch, deployment
from tests.loco_cli.server import END, Server, message

pytestmark = pytest.mark.usefixtures("signed_in", "clock")

SHOP = ("--app", "shop", "--team", "ann")
RELEASE = f"{APP}/logs?instance=v3-release"


@pytest.fixture(autouse=True)
def long_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loco_cli.ui.render_deployments.ago", lambda moment: "2 hours ago" if moment == NOW else "?")


def shown(state: str = "live", **more: Any) -> api.DeploymentShown:
    return api.DeploymentShown(**{**dict(deployment(state, 3, urls=())), **more})


def happens(server: Server, *texts: str, item: api.DeploymentShown) -> None:
    events = tuple(
        DeploymentEvent(number=at + 1, at=NOW + timedelta(seconds=1.5 * at), kind="step", message=text)
        for at, text in enumerate(texts)
    )
    server.answers(f"GET {DEPLOYMENTS}/3", item)
    server.answers(f"GET {DEPLOYMENTS}/3/events?after=0", api.DeploymentEvents(events=events))


def test_each_has_a_line_and_its_reason_below(server: Server, loco: Loco) -> None:
    items = (
        deployment("live", 12, action="rollback", base=9, digest=DIGEST),
        deployment("failed", 9, reason="it exited with 3\nand more", created_by="bob"),
    )
    server.answers(f"GET {DEPLOYMENTS}?limit=20", api.Deployments(deployments=items))
    said = loco("deployments", *SHOP)
    assert (said.code, said.err) == (0, "")
    assert said.out == (
        "v12  live    rollback to v9  dddddddddddd  ann, 2 hours ago\n"
        "v9   failed  deploy          -             bob, 2 hours ago\n"
        "     it exited with 3\n"
    )


def test_so_many_as_are_asked_for(server: Server, loco: Loco) -> None:
    server.answers(f"GET {DEPLOYMENTS}?limit=2", api.Deployments(deployments=()))
    said = loco("deployments", "-n", "2", *SHOP)
    assert said.out == "no deployments yet; the first one: loco deploy\n"


def test_a_program_gets_the_list(server: Server, loco: Loco) -> None:
    items = api.Deployments(deployments=(deployment("live", 12),))
    server.answers(f"GET {DEPLOYMENTS}?limit=20", items)
    assert loco("deployments", *SHOP, "--json").json["result"] == items.model_dump(mode="json")


def test_one_is_shown_with_what_it_stood_on_and_its_steps(server: Server, loco: Loco) -> None:
    item = shown(
        action="scale",
        base=2,
        digest=DIGEST,
        variables={"B": 1, "A": 3},
        replicas=2,
        replicas_most=5,
        release_command=("python", "migrate"),
        image_kept=False,
    )
    happens(server, "v3 created by ann", "rolling out 2 instances", item=item)
    said = loco("deployments", "show", "v3", *SHOP)
    assert said.code == 0
    assert said.out == (
        "shop v3 live\n"
        "  made       scale by ann, 2 hours ago\n"
        "  image      dddddddddddd, deleted since\n"
        "  stood on   v2\n"
        "  replicas   2, and up to 5\n"
        "  variables  A 3, B 1\n"
        "  release    python migrate\n"
        "     0.0 s  v3 created by ann\n"
        "     1.5 s  rolling out 2 instances\n"
    )


def test_what_failed_is_explained_as_it_was_then(server: Server, loco: Loco) -> None:
    happens(server, "v3 created by ann", item=shown("failed", reason="wrong port", diagnosis=DIAGNOSIS))
    said = loco("deployments", "show", "3", *SHOP)
    assert said.out.splitlines()[0] == "shop v3 failed: wrong port"
    assert said.out.splitlines()[-7:] == [
        "error: it listens on 3000, and loco.toml says 8080",
        "  phase: health, after 3.5 s (5.0 s since the rollout began)",
        "  cause: wrong-port",
        "  listens on: 0.0.0.0:3000",
        "  its last lines:",
        "    ready on :3000",
        "next: port = 3000",
    ]


def test_a_program_gets_the_deployment_and_its_events(server: Server, loco: Loco) -> None:
    happens(server, "v3 created by ann", item=shown(variables={"A": 3}))
    result = loco("deployments", "show", "v3", *SHOP, "--json").json["result"]
    assert result["deployment"]["variables"] == {"A": 3}
    assert [event["message"] for event in result["events"]] == ["v3 created by ann"]


def test_what_the_release_command_said_is_shown_whole(server: Server, loco: Loco) -> None:
    server.answers(f"GET {DEPLOYMENTS}/3", shown("failed"))
    server.streams(
        RELEASE,
        message("lines", batch("p1", "creating tables", note="not kept before 12:00"), number="p1"),
        message("lines", batch("p2", "no such \x1b[31mcolumn"), number="p2"),
        END,
    )
    said = loco("deployments", "show", "v3", "--release-log", *SHOP)
    assert said.out == (
        "-- not kept before 12:00\n"
        "2030-01-02T03:04:05Z creating tables\n"
        "2030-01-02T03:04:05Z no such \N{REPLACEMENT CHARACTER}[31mcolumn\n"
    )


def test_without_a_release_command_there_is_no_log_of_one(server: Server, loco: Loco) -> None:
    server.answers(f"GET {DEPLOYMENTS}/3", shown())
    server.refuses(f"GET {RELEASE}", NotFound("shop has no instance 'v3-release'"))
    said = loco("deployments", "show", "v3", "--release-log", *SHOP)
    assert (said.code, said.out) == (5, "")
    assert "v3: it ran none, or it is none of the last ten" in said.err


def test_what_the_build_said_is_shown(server: Server, loco: Loco) -> None:
    log = api.BuildLog(team="ann", app="shop", deployment=3, kept_at=NOW, text="step 1\nstep 2\n")
    server.answers(f"GET {DEPLOYMENTS}/3/build-log", log)
    assert loco("deployments", "show", "v3", "--build-log", *SHOP).out == "step 1\nstep 2\n"


@pytest.mark.parametrize(
    "words",
    [
        ["show", "newest"],
        ["show", "v3", "--build-log", "--release-log"],
        ["-n", "0"],
        ["--app", "shop", "show", "v3"],  # it would be of this folder's app
    ],
)
def test_what_makes_no_sense_asks_the_server_nothing(server: Server, loco: Loco, words: list[str]) -> None:
    assert loco("deployments", *words).code == 2
    assert server.asked == []
