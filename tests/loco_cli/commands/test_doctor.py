"""`loco doctor`: all that a deploy needs in one screen, and what is wrong with a deployment in another."""

import json
import stat
import tarfile
from email.utils import formatdate
from pathlib import Path
from secrets import token_hex
from typing import Any

import httpx
import pytest

from loco_spec import api
from loco_spec.changes import Plan, QuotaUse
from loco_spec.errors import Diagnosis, EngineUnavailable
from loco_spec.variables import Variable, Variables
from tests.e2e.searching import Search
from tests.loco_cli.build.docker import Docker
from tests.loco_cli.conftest import Loco, Said
from tests.loco_cli.samples import (
    APP,
    DEPLOYMENTS,
    DIAGNOSIS,
    NOW,
    THE_SERVER,
    batch,
    deployment,
    event,
    me,
    status,
)
from tests.loco_cli.server import END, TOKEN, Server, message

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


@pytest.mark.parametrize("version", ["v4", "4"])
def test_a_deployment_that_failed_is_one_screen(server: Server, loco: Loco, version: str) -> None:
    has(server, FAILED, LIVE)
    found = loco("doctor", version, *SHOP)
    assert (found.code, found.out, found.err) == (0, SCREEN, "")


def test_what_is_wrong_with_one_that_serves_is_told_what_is_wrong_now_first(server: Server, loco: Loco) -> None:
    has(server, LIVE, events=(STUCK,), instances=(CRASHING,))
    found = loco("doctor", "v3", *SHOP).out.splitlines()
    assert found[0] == "error: v3 is live, but it listens on 3000, and loco.toml says 8080"
    assert found[7:] == [
        "note: v3 is live, but v2-1 was killed",
        "  phase: draining, after 2.0 s",
        "  cause: stuck-drain",
        "next: exec the app",
    ]


def test_one_that_did_not_fail_says_so(server: Server, loco: Loco) -> None:
    has(server, deployment("cancelled", 5, reason="cancelled; nothing was changed"), deployment("rolling", 4), LIVE)
    assert loco("doctor", "v3", *SHOP).out == "v3 is live; nothing is wrong with it\n"
    assert loco("doctor", "v4", *SHOP).out == "v4 is rolling; nothing is wrong with it\n"
    cancelled = "error: v5 cancelled: cancelled; nothing was changed\nnext: loco deploy\n"
    assert loco("doctor", "v5", *SHOP).out == cancelled


def test_a_program_gets_the_deployment_and_what_was_told_of_it(server: Server, loco: Loco) -> None:
    has(server, FAILED, LIVE, events=(STUCK,))
    assert loco("doctor", "v4", *SHOP, "--json").json["result"]["deployment"] == FAILED.model_dump(mode="json")
    assert loco("doctor", "v3", *SHOP, "--json").json["result"]["told"] == [STUCK.model_dump(mode="json")]


@pytest.mark.parametrize("version", ["last", "v0", "v", "v1.2", "12345678901"])
def test_what_is_no_version_is_a_usage_error(loco: Loco, version: str) -> None:
    found = loco("doctor", version, *SHOP)
    assert (found.code, found.out) == (2, "")
    assert f'"{version}" is not a deployment' in found.err


# --- everything ---------------------------------------------------------------------------------------------------

CHALLENGE = 'Bearer realm="http://127.0.0.1:7070/registry/token",service="loco-registry"'
CPU = QuotaUse(name="cpu", used=0, needed=250, limit=32000)
ALL_WELL = """\
ok      loco.toml   there is no loco.toml; the defaults make the app shop
ok      Dockerfile  Dockerfile, port 8080
ok      context     26 B in 1 file (no .dockerignore)
ok      engine      Docker 26.1.0 at unix:///engine.sock
ok      builder     engine builds
unknown disk        /no/such/folder is not a folder of this machine: the engine keeps its images elsewhere
ok      server      http://127.0.0.1:7070 (from the default), version 1.2.3; this loco is 1.1.0
ok      clock       as the server's, within 1 s
ok      token       ann, signed in (CREDENTIALS)
ok      registry    127.0.0.1:7081 answers this machine and the engine, and asks for a token
ok      dns         shop.localhost is found by browsers and curl
ok      quota       with this deploy team ann has cpu 0.25 of 32
ok      plan        the server would take this deploy
ok      deployment  v3 is live; nothing is wrong with it
14 checks: 1 unknown
"""


@pytest.fixture
def everything(
    shop: Path, docker: Docker, server: Server, signed_in: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Server:
    """A folder, an engine, a server and a registry with which nothing is wrong; what tests add comes before."""
    (shop / "Dockerfile").write_text("FROM scratch\nUSER 10001\n#\n")
    monkeypatch.setenv("PATH", str(tmp_path))  # with no docker CLI the engine's API builds
    monkeypatch.setattr("loco_cli.doctor.looking.VERSION", "1.1.0")
    monkeypatch.setattr("loco_cli.doctor.looking._addresses", lambda _: frozenset({"127.0.0.1"}))
    return server


def well(server: Server, *newest: api.Deployment, date: str | None = None, plan: Plan | None = None) -> None:
    """Let the server answer all that is asked, as often as it is."""
    again: dict[str, Any] = {"is_reusable": True}
    server.answers("GET /v1/server", THE_SERVER, headers={"date": date or formatdate(usegmt=True)}, **again)
    server.answers("GET /v1/me", me(), **again)
    server.mock.add_response(
        url="http://127.0.0.1:7081/v2/", status_code=401, headers={"www-authenticate": CHALLENGE}, **again
    )
    found = plan or Plan(team="ann", app="shop", unchanged=False, quotas=(CPU,))
    server.answers(f"POST {APP}/plan", found, **again)
    deployments = newest or (LIVE,)
    for limit in (50, 10):
        server.answers(f"GET {DEPLOYMENTS}?limit={limit}", api.Deployments(deployments=deployments), **again)
    for item in deployments:
        server.answers(
            f"GET {DEPLOYMENTS}/{item.number}/events?after=0", api.DeploymentEvents(events=(event(1),)), **again
        )
    server.answers(f"GET {APP}", status(), **again)


def states(found: Said) -> dict[str, str]:
    return {each["name"]: each["state"] for each in found.json["result"]["checks"]}


def test_everything_that_a_deploy_needs_is_a_line_each(everything: Server, loco: Loco, signed_in: Path) -> None:
    well(everything)
    found = loco("doctor")
    assert (found.code, found.out.replace(str(signed_in), "CREDENTIALS"), found.err) == (0, ALL_WELL, "")
    assert "POST /v1/teams/ann/apps/shop/deployments" not in everything.asked


def test_what_is_wrong_comes_with_its_fix_and_the_exit_code_says_so(
    everything: Server, shop: Path, loco: Loco, docker: Docker
) -> None:
    (shop / "Dockerfile").write_text("FROM scratch\nUSER root\n")
    (shop / ".env").write_text("SECRET=x\n")
    well(everything, date=formatdate(0, usegmt=True))
    found = loco("doctor", "--json")
    wrong = [each for each in found.json["result"]["checks"] if each["state"] == "wrong"]
    assert found.code == 1
    assert [each["name"] for each in wrong] == ["Dockerfile", "context", "clock"]
    assert all(each["fix"] for each in wrong)
    assert set(wrong[0]) == {"name", "state", "message", "fix", "detail"}
    lines = loco("doctor").out.splitlines()
    assert "        next: USER 10001 in the Dockerfile, or user = 10001 under [security] in loco.toml" in lines


def test_the_screen_of_the_last_failure_follows_when_nothing_newer_is_live(everything: Server, loco: Loco) -> None:
    well(everything, deployment("cancelled", 5), FAILED, LIVE)
    found = loco("doctor")
    assert found.code == 1
    assert found.out.endswith(f"14 checks: 1 wrong, 1 unknown\n\n{SCREEN}")


def test_a_failure_that_a_healthy_one_followed_is_not_wrong(everything: Server, loco: Loco) -> None:
    well(everything, deployment("live", 5, live_at=NOW), FAILED)
    found = loco("doctor", "--json")
    assert (found.code, found.json["result"]["deployment"]) == (0, None)


def test_without_a_server_the_rest_is_still_looked_at(everything: Server, loco: Loco) -> None:
    everything.mock.add_exception(httpx.ConnectError("refused"), is_reusable=True)
    found = loco("doctor", "--json")
    told = states(found)
    assert (found.code, told["server"], told["engine"], told["Dockerfile"]) == (1, "wrong", "ok", "ok")
    assert {told[name] for name in ("clock", "token", "registry", "dns", "quota", "plan", "deployment")} == {"unknown"}


def test_nobody_who_is_signed_in_is_told_by_the_token(everything: Server, signed_in: Path, loco: Loco) -> None:
    signed_in.unlink()
    well(everything)
    found = states(loco("doctor", "--json"))
    assert {name for name, state in found.items() if state == "wrong"} == {"token"}


def test_an_engine_that_is_not_there_stops_only_what_needs_it(
    everything: Server, loco: Loco, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone() -> None:
        raise EngineUnavailable("no container engine answers", hint="install Docker")

    monkeypatch.setattr("loco_cli.build.engine.connect", gone)
    well(everything)
    found = states(loco("doctor", "--json"))
    assert (found["engine"], found["builder"], found["disk"], found["registry"]) == (
        "wrong",
        "unknown",
        "unknown",
        "ok",
    )


def test_an_engine_that_does_not_reach_the_registry_is_wrong(everything: Server, docker: Docker, loco: Loco) -> None:
    well(everything)
    docker.refuses_login = "dial tcp 127.0.0.1:7081: connect: connection refused"
    assert states(loco("doctor", "--json"))["registry"] == "wrong"
    docker.refuses_login = 'Get "http://127.0.0.1:7081/v2/": unauthorized: not a ticket'
    assert states(loco("doctor", "--json"))["registry"] == "ok"


def test_a_loco_toml_with_faults_is_told_and_what_needs_it_is_not_guessed(
    everything: Server, shop: Path, loco: Loco
) -> None:
    (shop / "loco.toml").write_text("prot = 80\n")
    well(everything)
    found = loco("doctor", "--json")
    [broken] = [each for each in found.json["result"]["checks"] if each["state"] == "wrong"]
    assert (broken["name"], broken["fix"]) == ("loco.toml", "correct loco.toml, then: loco validate")
    assert broken["detail"][0].startswith("loco.toml:1: prot: unknown key")
    assert found.json["result"]["checks"][-1]["message"] == "loco.toml has faults"


def test_an_app_that_is_named_from_elsewhere_is_looked_at_without_a_folder(
    everything: Server, shop: Path, loco: Loco
) -> None:
    (shop / "Dockerfile").unlink()
    well(everything)
    found = loco("doctor", "--app", "shop", "--json")
    assert (found.code, states(found)["Dockerfile"], states(found)["deployment"]) == (0, "unknown", "ok")


# --- the bundle ---------------------------------------------------------------------------------------------------


def unpacked(path: Path) -> dict[str, str]:
    with tarfile.open(path) as archive:
        return {each.name: archive.extractfile(each).read().decode() for each in archive.getmembers()}  # type: ignore[union-attr]


def bundle(server: Server, *lines: str) -> None:
    """What is asked for a bundle beside the rest."""
    well(server, FAILED, LIVE)
    named = Variable(name="BY_STDIN", version=1, state="deployed", set_by="ann", set_at=NOW)
    server.answers(f"GET {APP}/variables", Variables(variables=(named,)), is_optional=True, is_reusable=True)
    for _ in range(2):
        server.streams(f"{APP}/logs?lines=500&deployment=4", message("lines", batch("p", *lines)), END)


def test_a_bundle_is_for_the_person_alone_tells_what_is_in_it_and_is_the_same_each_time(
    everything: Server, tmp_path: Path, loco: Loco
) -> None:
    bundle(everything, "ready on :3000")
    one, two = tmp_path / "one.tar.gz", tmp_path / "two.tar.gz"
    found = loco("doctor", "--bundle", one, "--json")
    assert found.code == 0
    assert stat.S_IMODE(one.stat().st_mode) == 0o600
    parts = unpacked(one)
    assert list(parts) == sorted(parts)
    assert {name.removeprefix("loco-doctor/") for name in parts} == {
        "README.txt",
        "config.json",
        "deployments.json",
        "doctor.json",
        "environment.json",
        "events-v3.json",
        "events-v4.json",
        "failed-v4.log",
        "failed-v4.txt",
    }
    assert [line.split()[0] for line in found.json["result"]["contents"]] == [
        name.removeprefix("loco-doctor/") for name in parts
    ]
    assert "values of variables" in found.json["result"]["left_out"][0]
    assert parts["loco-doctor/failed-v4.txt"] == SCREEN
    assert parts["loco-doctor/failed-v4.log"].endswith(" v3-1 stdout ready on :3000\n")
    assert json.loads(parts["loco-doctor/doctor.json"])["deployment"]["number"] == 4
    loco("doctor", "--bundle", two)
    assert two.read_bytes() == one.read_bytes()


def test_without_a_name_a_bundle_is_no_part_of_what_is_deployed(
    everything: Server, shop: Path, loco: Loco, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    bundle(everything, "a line")
    found = loco("doctor", "--bundle", "--json").json["result"]
    assert Path(found["file"]).parent == tmp_path
    assert list(shop.iterdir()) == [shop / "Dockerfile"]


def test_a_bundle_overwrites_nothing(everything: Server, shop: Path, loco: Loco) -> None:
    bundle(everything, "a line")
    (shop / "mine").write_text("mine")
    found = loco("doctor", "--bundle", "mine")
    assert (found.code, found.err.splitlines()[0]) == (2, "error: mine is there already")
    assert (shop / "mine").read_text() == "mine"


def test_a_bundle_has_no_secret_that_was_planted(
    everything: Server, shop: Path, loco: Loco, signed_in: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = Search()

    def plant(name: str) -> str:
        return search.plant(name, f'{token_hex(12)} "é/&{token_hex(12)}')

    (shop / "loco.toml").write_text(
        f"[env]\nGREETING = {json.dumps(plant('[env]'), ensure_ascii=False)}\n"
        f"[build.args]\nNAME = {json.dumps(plant('build argument'), ensure_ascii=False)}\n"
    )
    (shop / ".dockerignore").write_text(".env\n")
    (shop / ".env").write_text(f"ANY='{plant('.env')}'\n")
    token = search.plant("session", "loco_session_abcdefghij_" + token_hex(24))
    signed_in.write_text(signed_in.read_text().replace(TOKEN, token))
    monkeypatch.setenv("A_PASSWORD", plant("environment"))
    monkeypatch.setenv("HTTPS_PROXY", f"http://ann:{search.plant('proxy', token_hex(12))}@proxy:3128")
    other = search.plant("another token", "loco_access_abcdefghij_" + token_hex(24))
    userinfo, bearer = search.plant("userinfo", "hunter-two"), search.plant("bearer", "low.entropy-word")
    value = plant("variable")
    bundle(
        everything,
        f"BY_STDIN={value}",
        f"connecting to postgres://shop:{userinfo}@db/shop",
        f"> Authorization: Bearer {bearer}",
        f"used {other} and {token}",
        *(f"said {each.text} again" for each in search.sentinels if each.name not in {"userinfo", "bearer"}),
    )
    found = loco("doctor", "--bundle", "b.tar.gz")
    assert found.code == 0
    search.keep("stdout", found.out)
    search.keep("stderr", found.err)
    for name, text in unpacked(shop / "b.tar.gz").items():
        search.keep(name, text)
    assert len(search.sentinels) == 10
    assert not search.findings()
    assert "ready" in unpacked(shop / "b.tar.gz")["loco-doctor/failed-v4.txt"]
