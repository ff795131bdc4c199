"""`loco diff` and `loco deploy --dry-run`: what is asked of the server, what is shown, and how the process ends."""

import json
from pathlib import Path
from typing import Any

import pytest

from loco_spec.changes import Change, Plan
from loco_spec.errors import Conflict, EngineUnavailable, NotAllowed, Refused
from tests.loco_cli.build.docker import Docker
from tests.loco_cli.commands.deploying import ENGINE, rolls, sent, takes
from tests.loco_cli.conftest import Loco
from tests.loco_cli.samples import DEPLOYMENTS, DIGEST, me
from tests.loco_cli.server import Server

pytestmark = pytest.mark.usefixtures("signed_in", "clock", "shop")

PLAN = "/v1/teams/ann/apps/shop/plan"
SAME = Plan(team="ann", app="shop", live=3, unchanged=True)
MORE = Plan(
    team="ann", app="shop", live=3, unchanged=False, changes=(Change(field="scale.min", before="1", after="2"),)
)
TWO_WAYS = [("diff",), ("deploy", "--dry-run")]


def plans(server: Server, found: Plan = SAME) -> None:
    server.answers("GET /v1/me", me(user="ann"))
    server.answers(f"POST {PLAN}", found)


def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect() -> Any:
        raise EngineUnavailable("there is no container engine")

    monkeypatch.setattr("loco_cli.build.engine.connect", connect)


@pytest.mark.parametrize("command", TWO_WAYS)
def test_it_shows_what_would_change_and_builds_nothing(
    server: Server, loco: Loco, command: tuple[str, ...], shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_engine(monkeypatch)
    (shop / "loco.toml").write_text('name = "shop"\nteam = "ann"\nport = 3000\n')
    server.answers(f"POST {PLAN}", MORE.model_copy(update={"notes": ("a note",), "engine": ("a doubt",)}))
    found = loco(*command)
    assert (found.code, found.err) == (0, "")
    assert found.out.splitlines() == [
        "what would change of shop (team ann), against v3:",
        "~ scale.min  1 -> 2",
        "note: a note",
        "engine: a doubt",
    ]
    assert server.asked == [f"POST {PLAN}"]
    [body] = sent(server, PLAN)
    assert (body["spec"]["team"], body["spec"]["ports"][0]["port"], body["digest"]) == (None, 3000, None)
    assert body["context_bytes"] == sum(path.stat().st_size for path in shop.iterdir())


@pytest.mark.parametrize("command", TWO_WAYS)
@pytest.mark.parametrize(
    ("more", "found", "code"), [((), MORE, 0), (("--exit-code",), MORE, 10), (("--exit-code",), SAME, 0)]
)
def test_the_exit_code_tells_where_it_is_asked_for(
    server: Server, loco: Loco, command: tuple[str, ...], more: tuple[str, ...], found: Plan, code: int
) -> None:
    plans(server, found)
    assert loco(*command, *more).code == code


@pytest.mark.parametrize("command", TWO_WAYS)
def test_a_program_gets_the_plan_as_the_result(server: Server, loco: Loco, command: tuple[str, ...]) -> None:
    plans(server, MORE)
    found = loco(*command, "--json", "--exit-code")
    assert found.code == 10
    assert found.objects == [{"version": 1, "result": MORE.model_dump(mode="json")}]


def test_what_is_live_and_what_is_not_there_yet_are_said(server: Server, loco: Loco) -> None:
    plans(server)
    assert loco("diff").out == "v3 of shop (team ann) is live, nothing would change\n"
    plans(server, Plan(team="ann", app="shop", unchanged=False, changes=(Change(field="port", after="8080"),)))
    assert loco("diff").out == "nothing of shop (team ann) is live, all of it would be new:\n+ port  8080\n"


def test_a_refusal_is_what_a_dry_run_ends_with_and_what_a_diff_only_tells(server: Server, loco: Loco) -> None:
    refused = [
        NotAllowed("a viewer may not do this", hint="loco whoami"),
        Conflict("the host is taken", hint="another one"),
    ]
    shown = [
        "~ scale.min  1 -> 2",
        "would be refused: a viewer may not do this",
        "  next: loco whoami",
        "would be refused: the host is taken",
        "  next: another one",
    ]
    found = MORE.model_copy(update={"refused": tuple(error.to_problem() for error in refused)})
    for command, code in ((("deploy", "--dry-run", "--exit-code"), 4), (("diff", "--exit-code"), 10), (("diff",), 0)):
        plans(server, found)
        ended = loco(*command)
        assert (ended.code, ended.out.splitlines()[1:]) == (code, shown)
    plans(server, MORE.model_copy(update={"refused": (Refused("no room").to_problem(),)}))
    assert loco("deploy", "--dry-run").code == 1


def test_the_image_of_a_folder_that_did_not_change_is_known_and_of_another_is_not(
    server: Server, loco: Loco, docker: Docker, shop: Path
) -> None:
    takes(server)
    rolls(server)
    assert loco("deploy", *ENGINE).code == 0
    asked = len(docker.asked)
    for command in TWO_WAYS:
        plans(server)
        assert loco(*command).code == 0
        assert server.body()["digest"] == DIGEST
    (shop / "more").write_text("more")
    plans(server)
    assert loco("diff").code == 0
    assert server.body()["digest"] is None
    assert len(docker.asked) == asked
    assert [each for each in server.asked if DEPLOYMENTS in each and each.startswith("POST")].count(
        f"POST {DEPLOYMENTS}"
    ) == 1


def test_build_arguments_are_part_of_what_was_built(server: Server, loco: Loco, docker: Docker) -> None:
    del docker
    takes(server)
    rolls(server)
    assert loco("deploy", *ENGINE, "--build-arg", "A=1").code == 0
    for more, digest in (((), None), (("--build-arg", "A=1"), DIGEST)):
        plans(server)
        assert loco("diff", *more).code == 0
        assert server.body()["digest"] == digest


def test_a_dry_run_stops_where_a_deploy_would_before_it_asks_the_server(server: Server, loco: Loco, shop: Path) -> None:
    (shop / ".env").write_text("KEY=1")
    found = loco("deploy", "--dry-run")
    assert (found.code, "what looks like a secret: .env" in found.err) == (3, True)
    (shop / ".env").unlink()
    (shop / "Dockerfile").unlink()
    assert loco("deploy", "--dry-run").code == 3
    (shop / "loco.toml").write_text("prot = 1\n")
    assert loco("deploy", "--dry-run").code == 2
    assert loco("diff").code == 2
    assert server.asked == []


def test_a_dry_run_of_a_forced_deployment_asks_for_one(server: Server, loco: Loco) -> None:
    plans(server)
    assert loco("deploy", "--dry-run", "--force").code == 0
    assert server.body()["force"] is True


def test_an_image_from_elsewhere_is_looked_up_and_where_nobody_can_a_diff_goes_on_without(
    server: Server, loco: Loco, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_engine(monkeypatch)
    (shop / "loco.toml").write_text('image = "ghcr.io/acme/shop:1"\n')
    plans(server)
    found = loco("diff", "--json")
    assert found.code == 0
    assert json.loads(found.err) == {
        "version": 1,
        "note": "what ghcr.io/acme/shop:1 is today is not known: there is no container engine",
    }
    body = server.body()
    assert (body["digest"], body["context_bytes"], body["spec"]["image"]) == (None, None, "ghcr.io/acme/shop:1")
    server.answers("GET /v1/me", me(user="ann"))
    assert loco("deploy", "--dry-run").code == 3


def test_exit_code_alone_is_a_slip(server: Server, loco: Loco) -> None:
    found = loco("deploy", "--exit-code")
    assert (found.code, "goes with --dry-run" in found.err) == (2, True)
    assert loco("deploy", "--dry-run", "--build-arg", "A").code == 2
    assert server.asked == []
