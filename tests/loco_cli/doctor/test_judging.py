"""What `loco doctor` says of what was seen: pure functions, each with what is well and what is not."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from loco_cli import dockerfile
from loco_cli.build.files import Entry
from loco_cli.config import Choice
from loco_cli.doctor import folder, machine, platform
from loco_cli.ui.results import Finding
from loco_spec import api, toml
from loco_spec.changes import Plan, QuotaUse
from loco_spec.errors import Conflict, Refused
from loco_spec.kinds.service import Service
from tests.loco_cli.samples import NOW, THE_SERVER, deployment, me

CHALLENGE = 'Bearer realm="http://127.0.0.1:7070/registry/token",service="loco-registry"'
DOCKER = {"ServerVersion": "26.1.0", "OSType": "linux", "Architecture": "x86_64", "SecurityOptions": ["name=seccomp"]}


def said(found: Finding) -> tuple[str, str, str]:
    return found.state, found.message, found.fix


def app(**spec: Any) -> Service:
    return Service.model_validate({"name": "shop", **spec})


# --- the machine --------------------------------------------------------------------------------------------------


def test_an_engine_is_told_with_its_kind_version_and_place() -> None:
    found = machine.engine(DOCKER, podman=False, address="unix:///docker.sock")
    assert said(found) == ("ok", "Docker 26.1.0 at unix:///docker.sock", "")
    rootless = {**DOCKER, "SecurityOptions": ["name=seccomp", "name=rootless"]}
    found = machine.engine(rootless, podman=True, address="unix:///podman.sock")
    assert found.message == "Podman 26.1.0, rootless, at unix:///podman.sock"
    found = machine.engine({**DOCKER, "OSType": "windows"}, podman=False, address="npipe:////./pipe/docker")
    assert (found.state, found.fix) == ("wrong", "switch it to Linux containers")


def test_a_builder_that_was_passed_over_is_a_note() -> None:
    assert said(machine.builder("buildx", [])) == ("ok", "buildx builds", "")
    found = machine.builder("classic", ["the builder 'engine' is passed over: it cannot do secrets"])
    assert (found.state, found.message.partition(";")[0]) == ("note", "classic builds")


@pytest.mark.parametrize(("free", "state"), [(100 * 10**9, "ok"), (3 * 10**9, "note"), (10**8, "wrong")])
def test_a_disk_has_a_low_floor(free: int, state: str) -> None:
    assert machine.disk(free, "/var/lib/docker").state == state


def test_a_disk_that_is_not_here_is_not_judged() -> None:
    assert machine.disk(None, "/var/lib/docker").state == "unknown"


# --- the folder ---------------------------------------------------------------------------------------------------


def test_a_loco_toml_with_doubts_is_a_note_with_all_of_them(tmp_path: Path) -> None:
    assert folder.toml(toml.read(tmp_path)).state == "ok"
    (tmp_path / "loco.toml").write_text('[env]\nAPI_TOKEN = "x"\nDB_PASSWORD = "y"\n')
    found = folder.toml(toml.read(tmp_path))
    assert (found.state, found.fix, len(found.detail)) == ("note", "loco validate", 2)
    assert found.message.startswith("env.API_TOKEN: ")
    assert found.message.endswith(", and 1 more")


@pytest.mark.parametrize(
    ("text", "spec", "state", "part"),
    [
        ("FROM x\nUSER 10001\nEXPOSE 8080\n", {}, "ok", "Dockerfile, port 8080"),
        ("FROM x\nUSER 10001\n", {}, "ok", "port 8080"),
        ("FROM x\nUSER root\n", {}, "wrong", "Dockerfile says USER root"),
        ("FROM x\nUSER 0:0\n", {}, "wrong", "USER 0:0"),
        ("FROM x\n", {}, "note", "has no USER: unless x has one"),
        ("FROM x\nUSER root\n", {"security": {"user": 10001}}, "ok", "port 8080"),
        ("FROM x\nUSER 10001\nEXPOSE 3000\n", {}, "note", "EXPOSE 3000, and loco.toml says port 8080"),
        ("FROM x\nUSER 10001\nEXPOSE 3000\n", {"port": 3000}, "ok", "port 3000"),
    ],
)
def test_a_dockerfile_is_held_against_the_gates_and_the_port(
    text: str, spec: dict[str, Any], state: str, part: str
) -> None:
    found = folder.dockerfile("Dockerfile", dockerfile.read(text), app(**spec))
    assert found.state == state
    assert part in found.message
    assert bool(found.fix) is (state != "ok")


def test_of_a_dockerfile_the_stage_is_meant_that_is_built() -> None:
    text = "ARG BASE=x\nFROM $BASE AS build\nUSER root\nFROM x AS runtime\nUSER 10001\n"
    assert dockerfile.read(text).user == "10001"
    assert dockerfile.read(text, "build").user == "root"
    assert dockerfile.read(text, "Runtime").user == "10001"


def entries(**sizes: int) -> list[Entry]:
    return [
        Entry(path, "folder" if path.endswith("/") else "file", 0o644, size, 0, 0, 0, "")
        for path, size in sizes.items()
    ]


def test_a_context_is_told_by_its_size_and_its_rules() -> None:
    found = folder.context(entries(a=1000, b=500), source=".dockerignore", by_git=False)
    assert said(found) == ("ok", "1.5 KB in 2 files (.dockerignore)", "")
    found = folder.context(entries(a=1), source=None, by_git=True)
    assert found.message == "1 B in 1 file (no .dockerignore, so by .gitignore)"


def test_what_is_seldom_meant_to_be_sent_is_a_note_that_names_it() -> None:
    sent = entries(**{"web/node_modules/x.js": 10, "web/node_modules/y.js": 10, "src/.venv/bin/python": 1, "app.js": 1})
    found = folder.context(sent, source=None, by_git=False)
    assert (found.state, found.message.partition("; ")[2]) == ("note", "web/node_modules/, src/.venv/ goes along")
    assert found.fix.startswith("name web/node_modules/ in .dockerignore")


def test_a_large_context_is_a_note_with_the_largest() -> None:
    found = folder.context(entries(**{"data/x.bin": 200_000_000, "a": 1}), source=".dockerignore", by_git=False)
    assert found.state == "note"
    assert "the largest: data/ 200.0 MB" in found.message
    assert found.fix.startswith("name data/ in .dockerignore")


# --- the platform -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "theirs", "least", "state"),
    [
        ("1.2.3", "1.2.3", "1.0.0", "ok"),
        ("1.2.0", "1.4.0", "1.0.0", "ok"),
        ("1.5.0", "1.4.9", "1.0.0", "note"),
        ("0.9.0", "1.4.0", "1.0.0", "wrong"),
        ("0.9.0", "next", "1.0.0", "note"),
    ],
)
def test_a_server_is_judged_by_its_version_and_the_least_that_it_takes(
    ours: str, theirs: str, least: str, state: str
) -> None:
    server = THE_SERVER.model_copy(update={"version": theirs, "minimum_version": least})
    assert platform.server(server, ours, Choice("https://loco.example.com", "LOCO_SERVER")).state == state


def test_a_clock_that_is_off_tells_what_breaks() -> None:
    assert platform.clock(-59.4).state == "ok"
    ahead, behind = platform.clock(75), platform.clock(-300)
    assert (ahead.state, behind.state) == ("wrong", "wrong")
    assert ahead.message.startswith("75 s ahead of the server's: ")
    assert "long pushes fail" in behind.message


def machine_token(**more: Any) -> api.Me:
    scope = {"id": "t1", "kind": "access", "name": "ci", "team": "ann", "can": "deploy", **more}
    return me(token=api.TokenScope(**scope), expires_at=NOW + timedelta(days=30))


def judged(who: api.Me, *, team: str | None = "ann", app: str = "shop", now: datetime = NOW) -> Finding:
    return platform.token(who, "LOCO_TOKEN", team=team, app=app, now=now)


def test_a_token_is_judged_by_what_it_is_for() -> None:
    assert said(judged(me(token=api.TokenScope(id="s", kind="session"), expires_at=NOW))) == (
        "ok",
        "ann, signed in (LOCO_TOKEN), until 2030-01-02 03:04 UTC, longer with each use",
        "",
    )
    assert judged(me(), team="acme").message == "ann is not in team acme; only in: ann"
    assert said(judged(machine_token())) == (
        "ok",
        "access token ci (LOCO_TOKEN): deploy in ann, until 2030-02-01 03:04 UTC",
        "",
    )
    wrong = [machine_token(can="read"), machine_token(team="acme"), machine_token(app="other")]
    assert [judged(each).state for each in wrong] == ["wrong"] * 3
    soon = judged(machine_token(), now=NOW + timedelta(days=25))
    assert (soon.state, soon.fix) == ("note", "loco tokens create NAME --can deploy --team ann")


@pytest.mark.parametrize(
    ("status", "challenge", "state", "part"),
    [
        (401, CHALLENGE, "ok", "answers this machine and the engine"),
        (200, "", "wrong", "answers 200 without loco's challenge"),
        (401, 'Basic realm="other"', "wrong", "it is another registry"),
        (503, "", "wrong", "the gateway asks the server"),
    ],
)
def test_a_registry_is_to_send_nobody_for_a_token(status: int, challenge: str, state: str, part: str) -> None:
    found = platform.registry("127.0.0.1:7050", status, challenge, "http://127.0.0.1:7070", engine=True)
    assert found.state == state
    assert part in found.message


def test_a_registry_elsewhere_must_not_send_the_engine_to_its_own_machine() -> None:
    found = platform.registry("registry.example.com", 401, CHALLENGE, "https://api.example.com", engine=True)
    assert found.state == "wrong"


PLATFORM = {"198.51.100.7"}


@pytest.mark.parametrize(
    ("host", "found", "state", "part"),
    [
        ("shop.localhost", set[str](), "ok", "by browsers and curl; other programs may not"),
        ("shop.localhost", {"127.0.0.1"}, "ok", "found by browsers and curl"),
        ("shop.example.com", PLATFORM, "ok", "leads to 198.51.100.7"),
        ("shop.example.com", set[str](), "wrong", "the operator makes the record *.example.com"),
        ("shop.acme.org", set[str](), "wrong", "shop.acme.org CNAME api.example.com (or A 198.51.100.7)"),
        ("shop.acme.org", {"203.0.113.9"}, "note", "leads to 203.0.113.9, and the platform is at 198.51.100.7"),
    ],
)
def test_a_host_is_to_lead_to_the_platform(host: str, found: set[str], state: str, part: str) -> None:
    judged = platform.dns(host, found, PLATFORM, domain="example.com", via="api.example.com")
    assert judged.state == state
    assert part in f"{judged.message} {judged.fix}"


def plan(*refused: Any, quotas: tuple[QuotaUse, ...] = (), notes: tuple[str, ...] = ()) -> Plan:
    told = tuple(each.to_problem() for each in refused)
    return Plan(team="ann", app="shop", unchanged=False, refused=told, quotas=quotas, notes=notes)


def test_a_quota_is_told_with_this_deploy_and_what_is_nearly_used_is_a_note() -> None:
    cpu = QuotaUse(name="cpu", used=1500, needed=500, limit=32000)
    memory = QuotaUse(name="memory", used=1 << 30, needed=1 << 28, limit=8 << 30)
    found = platform.quota(plan(quotas=(cpu, memory)))
    assert said(found) == ("ok", "with this deploy team ann has cpu 2 of 32, memory 1280Mi of 8Gi", "")
    apps = QuotaUse(name="apps", used=8, needed=1, limit=10)
    found = platform.quota(plan(quotas=(cpu, apps)))
    assert (found.state, found.message) == ("note", "with this deploy team ann has apps 9 of 10")
    assert platform.quota(plan()).state == "unknown"


def test_what_the_server_would_refuse_is_wrong_once() -> None:
    both = plan(Refused("cpu is used up", hint="less cpu"), Conflict("the host is taken", hint="another host"))
    assert said(platform.quota(both)) == ("wrong", "cpu is used up", "less cpu")
    assert said(platform.plan(both)) == ("wrong", "the host is taken", "another host")
    fine = plan(notes=("team ann has no app shop yet",))
    assert said(platform.plan(fine)) == ("ok", "the server would take this deploy; team ann has no app shop yet", "")


def test_a_deployment_is_wrong_when_it_failed_or_does_not_serve_as_it_should() -> None:
    assert platform.deployment(deployment("live"), []).state == "ok"
    assert platform.deployment(deployment("live"), ["stuck-drain"]).state == "note"
    assert platform.deployment(deployment("live"), ["stuck-drain", "crash-loop"]).state == "wrong"
    failed = platform.deployment(deployment("failed", 4, reason="it ended\nat once"), [])
    assert (failed.state, failed.message) == ("wrong", "v4 failed: it ended, and nothing newer is live")
