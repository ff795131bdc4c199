"""`loco deploy`: the steps in their order, what is sent and what is shown of each."""

import json
from pathlib import Path

import pytest

from loco_cli.build.engine import Engine
from loco_spec import api
from loco_spec.errors import EngineUnavailable
from loco_spec.kinds.service import Service
from tests.loco_cli.build.docker import Docker
from tests.loco_cli.commands.deploying import ENGINE, ON_THE_WAY, URL, V3, cancels, rolls, sent, takes
from tests.loco_cli.conftest import Loco
from tests.loco_cli.samples import DEPLOYMENTS, DIGEST, IMAGE, THE_SERVER, created, deployment, event, me, ticket
from tests.loco_cli.server import Server

pytestmark = pytest.mark.usefixtures("signed_in", "clock", "shop")


def test_a_folder_becomes_a_running_app(server: Server, loco: Loco, docker: Docker) -> None:
    takes(server)
    rolls(server)
    found = loco("deploy", *ENGINE)
    assert (found.code, found.out, found.err) == (0, f"v3 is live after 0.0 s\n  {URL}\n", ON_THE_WAY)
    assert server.asked == [
        "GET /v1/me",
        f"POST {DEPLOYMENTS}",
        f"PUT {V3}/build-log",
        "GET /v1/server",
        f"POST {V3}/image",
        f"GET {V3}/events",
        f"GET {V3}",
    ]
    assert docker.asked == [
        "POST /auth",
        "POST /build",
        f"inspect {IMAGE}",  # by the builder, and by the gates
        f"inspect {IMAGE}",
        "tag 127.0.0.1:7081/ann/shop-abc:v3",
        "push 127.0.0.1:7081/ann/shop-abc:v3",
        "untag 127.0.0.1:7081/ann/shop-abc:v3",
    ]
    assert sent(server, f"{V3}/image") == [{"digest": DIGEST}]
    assert docker.query["t"] == "loco/ann/shop:latest"
    assert docker.login["password"] == ticket().password


def test_a_program_gets_each_step_and_the_result(server: Server, loco: Loco, docker: Docker) -> None:
    takes(server, created(notes=("the host shop is taken",)))
    live = deployment("live")
    rolls(server, live)
    found = loco("deploy", *ENGINE, "--json")
    assert found.objects == [
        {"step": "v3 of shop (team ann)"},
        {"step": "built: 0 steps, 0 cached"},
        {"step": "image ready (0.0 s)"},
        {"step": "pushing"},
        {"step": "pushed 0 B, 1 of 1 layer new (0.0 s)"},
        {"event": event(1, "rolling out").model_dump(mode="json")},
        {"version": 1, "result": {"deployment": live.model_dump(mode="json"), "unchanged": False, "seconds": 0.0}},
    ]
    assert found.err == '{"note": "the host shop is taken"}\n'


def test_the_spec_goes_to_the_server_without_the_team_which_is_in_the_url(
    server: Server, loco: Loco, docker: Docker, shop: Path
) -> None:
    (shop / "loco.toml").write_text('name = "shop"\nteam = "ann"\nport = 3000\n[env]\nA = "1"\n')
    takes(server, signed_in_as=None)
    rolls(server)
    assert loco("deploy", *ENGINE).code == 0
    [body] = sent(server, DEPLOYMENTS)
    found = api.DeploymentCreate.model_validate(body)
    assert isinstance(found.spec, Service)
    assert (found.spec.team, found.spec.ports[0].port, found.spec.env) == (None, 3000, {"A": "1"})
    assert (found.digest, found.force) == (None, False)
    assert found.context_bytes == sum(path.stat().st_size for path in shop.rglob("*") if path.is_file())


def test_what_did_not_change_is_neither_built_nor_given_a_number(server: Server, loco: Loco, docker: Docker) -> None:
    takes(server)
    rolls(server)
    loco("deploy", *ENGINE)
    docker.asked.clear()
    takes(server, created(unchanged=True, ticket=None, deployment=deployment("live", urls=(URL,))))
    found = loco("deploy", *ENGINE)
    assert (found.code, found.out, found.err) == (0, f"v3 is live, nothing changed\n  {URL}\n", "")
    assert server.body()["digest"] == DIGEST
    assert docker.asked == []


def test_what_was_pushed_as_it_is_and_is_not_live_is_deployed_from_the_same_image(
    server: Server, loco: Loco, docker: Docker
) -> None:
    for _ in range(2):
        takes(server)
        rolls(server)
        found = loco("deploy", *ENGINE)
        assert found.code == 0
    assert "nothing changed since the last build; its image is used again\n" in found.err
    assert docker.asked.count("POST /build") == 1


def test_what_was_pushed_as_it_is_needs_no_engine_where_it_is_live(
    server: Server, loco: Loco, docker: Docker, monkeypatch: pytest.MonkeyPatch
) -> None:
    takes(server)
    rolls(server)
    assert loco("deploy", *ENGINE).code == 0

    def connect() -> Engine:
        raise EngineUnavailable("no container engine answers")

    monkeypatch.setattr("loco_cli.build.engine.connect", connect)
    takes(server, created(unchanged=True, ticket=None, deployment=deployment("live", urls=(URL,))))
    assert loco("deploy", *ENGINE).code == 0
    takes(server)
    cancels(server)
    found = loco("deploy", *ENGINE)
    assert (found.code, found.out) == (3, "")
    assert "error: no container engine answers\n" in found.err
    assert server.asked[-1] == f"POST {V3}/cancel"


def test_what_did_not_change_is_rolled_out_by_force_from_the_same_image(
    server: Server, loco: Loco, docker: Docker
) -> None:
    takes(server)
    rolls(server)
    loco("deploy", *ENGINE)
    docker.asked.clear()
    takes(server)
    rolls(server)
    found = loco("deploy", "--force")
    assert found.code == 0
    assert "nothing changed since the last build; its image is used again\n" in found.err
    assert f"inspect {IMAGE}" in docker.asked
    assert "POST /build" not in docker.asked
    assert [body["force"] for body in sent(server, DEPLOYMENTS)] == [False, True]


def test_a_file_that_changed_is_built(server: Server, loco: Loco, docker: Docker, shop: Path) -> None:
    for text in ("one", "three"):
        (shop / "app.py").write_text(text)
        takes(server)
        rolls(server)
        assert loco("deploy", *ENGINE).code == 0
    assert docker.asked.count("POST /build") == 2
    assert [body["digest"] for body in sent(server, DEPLOYMENTS)] == [None, None]


@pytest.mark.parametrize("flag", ["--detach", "-d"])
def test_whoever_does_not_wait_is_told_how_to_follow(server: Server, loco: Loco, docker: Docker, flag: str) -> None:
    takes(server)
    server.answers(f"POST {V3}/image", deployment("accepted", urls=()))
    found = loco("deploy", *ENGINE, flag)
    assert (found.code, found.out) == (0, "v3 is accepted; follow it with: loco deploy --attach v3\n")


def test_app_and_team_may_be_named(server: Server, loco: Loco, docker: Docker) -> None:
    server.answers("GET /v1/server", THE_SERVER, is_optional=True)
    server.answers(
        "POST /v1/teams/acme/apps/till/deployments",
        created(unchanged=True, deployment=deployment("live", app="till", team="acme", urls=())),
    )
    assert loco("deploy", "--app", "till", "--team", "acme").code == 0
    assert server.body()["spec"]["name"] == "till"


def test_a_folder_may_be_named(server: Server, loco: Loco, docker: Docker, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "Dockerfile").touch()
    server.answers("GET /v1/me", me())
    server.answers("GET /v1/server", THE_SERVER, is_optional=True)
    live = created(unchanged=True, deployment=deployment("live", app="other", urls=()))
    server.answers("POST /v1/teams/ann/apps/other/deployments", live)
    assert loco("deploy", other).code == 0


def test_what_the_command_line_adds_to_the_build_is_built_with(
    server: Server, loco: Loco, docker: Docker, shop: Path
) -> None:
    (shop / "loco.toml").write_text('[build]\nargs = { A = "toml", B = "toml" }\n')
    takes(server)
    rolls(server)
    flags = ("--build-arg", "A=flag", "--build-arg", "C=x=y", "--build-arg", "D=", "--no-cache", "--pull")
    assert loco("deploy", *ENGINE, *flags).code == 0
    assert json.loads(docker.query["buildargs"]) == {"A": "flag", "B": "toml", "C": "x=y", "D": ""}
    assert (docker.query["nocache"], docker.query["pull"]) == ("1", "1")


def test_notes_of_the_server_are_passed_on(server: Server, loco: Loco, docker: Docker) -> None:
    takes(server, created(notes=("the host shop is taken: shop-ann",)))
    rolls(server)
    assert loco("deploy", *ENGINE).err.startswith("the host shop is taken: shop-ann\nv3 of shop")
