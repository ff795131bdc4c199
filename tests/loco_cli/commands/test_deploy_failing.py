"""`loco deploy`: each way in which it may end otherwise, what is said, and what the server is told."""

import json
from pathlib import Path

import pytest
from httpx import ConnectError

from loco_spec.errors import Conflict, ImageRefused, LocoError, NotAllowed
from tests.loco_cli.build.docker import BUILT, Docker
from tests.loco_cli.commands.deploying import ENGINE, ON_THE_WAY, URL, V3, cancels, rolls, takes, use
from tests.loco_cli.conftest import Loco
from tests.loco_cli.samples import APP, DIAGNOSIS, created, deployment, me, status
from tests.loco_cli.server import Server

pytestmark = pytest.mark.usefixtures("signed_in", "clock", "shop")


def refused(loco: Loco, server: Server, *args: str | Path) -> tuple[int, str]:
    """Deploy, which is refused before anybody was asked for anything."""
    found = loco("deploy", *args)
    assert found.out == ""
    assert server.asked == []
    return found.code, found.err


@pytest.mark.parametrize("given", ["A", "=x", ""])
def test_a_build_argument_has_a_name_and_a_value(server: Server, loco: Loco, given: str) -> None:
    code, err = refused(loco, server, "--build-arg", given)
    name = given.partition("=")[0]
    assert (code, err) == (2, f"error: --build-arg '{name}' has no value\nnext: --build-arg KEY=VALUE\n")


def test_a_folder_that_is_none_is_refused(server: Server, loco: Loco) -> None:
    assert refused(loco, server, "nowhere") == (2, "error: nowhere is not a folder\nnext: loco deploy FOLDER\n")


def test_a_name_that_cannot_be_one_is_refused(server: Server, loco: Loco) -> None:
    code, err = refused(loco, server, "--app", "My Shop")
    assert (code, err) == (2, 'error: "My Shop" cannot be the name of an app\nnext: --app NAME: a-z, 0-9, -\n')


def test_a_wait_that_is_no_duration_is_refused(server: Server, loco: Loco) -> None:
    assert refused(loco, server, "--wait-timeout", "soon")[0] == 2


def test_the_faults_of_loco_toml_come_before_all_else(server: Server, loco: Loco, shop: Path) -> None:
    (shop / "loco.toml").write_text("prot = 1\n")
    code, err = refused(loco, server)
    assert code == 2
    assert err.startswith('error: loco.toml has 1 fault\nloco.toml:1:1: prot: unknown key; did you mean "port"?\n')


def test_a_folder_without_a_dockerfile_is_refused(server: Server, loco: Loco, shop: Path) -> None:
    (shop / "Dockerfile").unlink()
    code, err = refused(loco, server)
    assert code == 3
    assert err.startswith(f"error: there is no Dockerfile in {shop}\nnext: write one")


def test_a_secret_in_the_folder_stops_it(server: Server, loco: Loco, shop: Path) -> None:
    (shop / ".env").write_text("KEY=1")
    code, err = refused(loco, server)
    assert code == 3
    assert err.startswith("error: the build context holds what looks like a secret: .env\n")


def test_without_an_engine_no_number_is_taken(server: Server, loco: Loco, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    server.answers("GET /v1/me", me())
    found = loco("deploy")
    assert found.code == 3
    assert "no container engine answers at tcp://127.0.0.1:1" in found.err
    assert server.asked == ["GET /v1/me"]


@pytest.mark.parametrize(
    ("docker", "code", "words"),
    [
        (Docker(builds=[{"error": "dockerfile parse error on line 1"}]), 3, "dockerfile parse error on line 1"),
        (Docker(builds=[OSError("gone")]), 3, "broke off the build: gone"),
        (Docker(pushes=[[{"error": "denied"}]]), 3, "the push to 127.0.0.1:7081 failed: denied"),
        (Docker(builds=[KeyboardInterrupt()]), 130, "error: v3 cancelled; nothing was changed\nnext: loco deploy\n"),
        (Docker(pushes=[[KeyboardInterrupt()]]), 130, "error: v3 cancelled; nothing was changed\nnext: loco deploy\n"),
    ],
    ids=["build", "engine", "push", "ctrl-c in the build", "ctrl-c in the push"],
)
def test_the_server_is_told_that_no_image_will_come_and_why(
    server: Server, loco: Loco, monkeypatch: pytest.MonkeyPatch, docker: Docker, code: int, words: str
) -> None:
    use(monkeypatch, docker)
    takes(server)
    server.answers(f"GET {V3}", deployment("created"), is_optional=True)  # after a push: why did it fail?
    server.answers(f"GET {APP}", status(), is_optional=True)
    cancels(server)
    found = loco("deploy", *ENGINE)
    assert (found.code, found.out) == (code, "")
    assert words in found.err
    assert server.asked[-1] == f"POST {V3}/cancel"
    (request,) = server.mock.get_requests(method="POST", url=f"{server.url}{V3}/cancel")
    if code == 130:
        assert request.content == b""
    else:
        assert words in json.loads(request.content)["failure"]["message"]


@pytest.mark.parametrize(
    ("reason", "suspended", "code", "hint"),
    [
        ("cancelled; nothing was changed", None, 3, "loco status, then: loco deploy"),
        ("team ann is suspended: mines coins", "team ann is suspended: mines coins", 4, "ask the operator"),
    ],
)
def test_a_push_that_the_server_has_ended_is_told_with_the_servers_reason(
    server: Server,
    loco: Loco,
    monkeypatch: pytest.MonkeyPatch,
    reason: str,
    suspended: str | None,
    code: int,
    hint: str,
) -> None:
    use(monkeypatch, Docker(pushes=[[{"error": "unauthorized: the ticket is wrong, or it has ended"}]]))
    takes(server)
    server.answers(f"GET {V3}", deployment("cancelled", reason=reason))
    server.answers(f"GET {APP}", status(suspended=suspended))
    server.refuses(f"POST {V3}/cancel", NotAllowed("whatever"))
    found = loco("deploy", *ENGINE)
    assert found.code == code
    assert f"error: v3 takes no image any more: {reason}\nnext: {hint}\n" in found.err


def test_a_push_of_somebody_who_is_out_by_now_is_told_with_that(
    server: Server, loco: Loco, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, Docker(pushes=[[{"error": "denied"}]]))
    takes(server)
    out = NotAllowed("ann is suspended: mines coins", hint="ask the operator")
    server.refuses(f"GET {V3}", out)
    server.refuses(f"POST {V3}/cancel", out)
    found = loco("deploy", *ENGINE)
    assert found.code == 4
    assert found.err.endswith("error: ann is suspended: mines coins\nnext: ask the operator\n")


@pytest.mark.parametrize("error", [ConnectError("refused"), KeyboardInterrupt()])
def test_a_cancel_that_fails_does_not_hide_why(
    server: Server, loco: Loco, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    use(monkeypatch, Docker(builds=[{"error": "the reason"}]))
    takes(server)
    server.is_away(f"POST {V3}/cancel", error)
    found = loco("deploy", *ENGINE)
    assert found.code == 3
    assert "the reason" in found.err


@pytest.mark.parametrize("error", [ImageRefused("it runs as root"), Conflict("v3 is cancelled")])
def test_an_image_that_is_refused_is_told(server: Server, loco: Loco, docker: Docker, error: LocoError) -> None:
    takes(server)
    server.refuses(f"POST {V3}/image", error)
    cancels(server)
    found = loco("deploy", *ENGINE)
    assert (found.code, found.out) == (int(error.exit_code), "")
    assert found.err.endswith(f"error: {error.message}\n")


def test_an_image_that_is_live_already_leaves_the_number_that_is(server: Server, loco: Loco, docker: Docker) -> None:
    takes(server)
    server.answers(f"POST {V3}/image", deployment("live", 2, urls=(URL,)))
    found = loco("deploy", *ENGINE)
    assert (found.code, found.out) == (0, f"v2 is live, nothing changed\n  {URL}\n")


def test_a_deployment_that_a_newer_one_overtook_says_so(server: Server, loco: Loco, docker: Docker) -> None:
    takes(server)
    server.answers(f"POST {V3}/image", deployment("superseded", reason="v4 by bob is newer"))
    found = loco("deploy", *ENGINE)
    assert (found.code, found.out) == (6, "")
    assert found.err.endswith("error: v3 was superseded: v4 by bob is newer\nnext: loco status\n")


def test_a_rollout_that_fails_is_one_screen(server: Server, loco: Loco, docker: Docker) -> None:
    takes(server)
    rolls(server, deployment("failed", reason="wrong port", diagnosis=DIAGNOSIS))
    found = loco("deploy", *ENGINE)
    assert (found.code, found.out) == (6, "")
    assert found.err.removeprefix(ON_THE_WAY).splitlines() == [
        "error: v3 failed: wrong port",
        "  phase: health, after 3.5 s (5.0 s since the rollout began)",
        "  cause: wrong-port",
        "  it listens on 3000, and loco.toml says 8080",
        "  listens on: 0.0.0.0:3000",
        "  its last lines:",
        "    ready on :3000",
        "next: port = 3000",
    ]


def test_a_server_that_gives_no_ticket_is_not_understood(server: Server, loco: Loco, docker: Docker) -> None:
    takes(server, created(ticket=None))
    cancels(server)
    found = loco("deploy", *ENGINE)
    assert (found.code, docker.asked) == (1, [])
    assert "the server gave no ticket for v3" in found.err


def test_a_builder_that_is_none_is_refused(server: Server, loco: Loco) -> None:
    code, err = refused(loco, server, "--builder", "kaniko")
    assert code == 2
    assert err.startswith(
        "error: there is no builder 'kaniko'; there is: auto, buildx, docker, engine, podman, classic\n"
    )
    assert err.endswith("next: loco deploy --help\n")


def test_a_build_without_an_image_has_failed(server: Server, loco: Loco, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, Docker(builds=[*BUILT, {"error": "too late"}]))
    takes(server)
    cancels(server)
    assert loco("deploy", *ENGINE).code == 3
