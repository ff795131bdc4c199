"""What an operator types, and reads."""

import json
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest

from loco_server.admin.client import Socket
from loco_server.engines.base import AppRef, InstanceUsage
from loco_server.records.change import Change
from loco_server.records.values import AppRecord
from loco_spec.kinds.service import Service
from tests.loco_server.admin.conftest import Admin, Operated
from tests.loco_server.records.databases import Records, route

FAILED, USAGE, NOT_ALLOWED, NOT_FOUND, UNREACHABLE, STILL = 1, 2, 4, 5, 7, 8


async def deployed(records: Records, app: AppRecord, *ends: str) -> None:
    """Give the app a deployment for each end."""
    for end in ends:
        item = await records.deployments.create(
            app, Service(name=app.name), [route(f"{app.name}-{app.team}.localhost")], action="deploy", created_by="ann"
        )
        if end != "created":
            await records.deployments.move(app.id, item.number, end, of=("created",), message=end)


@pytest.fixture
def apps(server: Operated) -> dict[str, AppRecord]:
    found = {}
    for login in ("ann", "bob", "eve"):
        found[login] = server.do(server.records.app("shop", login))
        server.do(deployed(server.records, found[login], *{"bob": ["failed"] * 3, "eve": ["live"]}.get(login, [])))
    return found


def test_an_app_is_suspended_and_resumed_and_the_overview_shows_it(
    server: Operated, apps: dict[str, AppRecord], admin: Admin
) -> None:
    done = admin("suspend", "app", "eve/shop", "--reason", "mines coins")
    assert (done.code, done.err) == (0, "")
    assert done.out == (
        "app eve/shop is suspended: mines coins\n  stopped eve/shop\nnext: loco-server admin resume app eve/shop\n"
    )
    assert [each.app.app_id for each in server.engine.suspended] == [apps["eve"].id]
    assert "suspended: app eve/shop (mines coins)\n" in admin("overview").out
    assert admin("resume", "app", "eve/shop").out == "app eve/shop may go on\n  starts again: eve/shop\n"
    assert "suspended" not in admin("overview").out
    # Of this one nothing ran.
    assert "stopped" not in admin("suspend", "app", "ann/shop", "--reason", "mines coins").out


def test_what_an_operator_reads_can_be_read_by_a_program(
    server: Operated, apps: dict[str, AppRecord], admin: Admin
) -> None:
    server.do(deployed(server.records, apps["bob"], "created"))
    done = json.loads(admin("suspend", "team", "bob", "--reason", "asks for money", "--json").out)
    assert done == {
        "kind": "team",
        "name": "bob",
        "reason": "asks for money",
        "apps": [],
        "pushes": 1,
    }
    assert json.loads(admin("overview", "--json").out)["suspended"] == [
        {"kind": "team", "name": "bob", "reason": "asks for money"}
    ]


def test_the_busiest_come_first_by_whatever_is_asked(
    server: Operated, apps: dict[str, AppRecord], admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def usage() -> list[InstanceUsage]:
        taken = {"ann": (100, 9 << 20), "bob": (200, 1 << 20), "eve": (1900, 3 << 20)}
        refs = {login: AppRef(app.team, app.team_id, app.name, app.id) for login, app in apps.items()}
        return [InstanceUsage(refs[login], "v1-1", *each) for login, each in taken.items()]

    monkeypatch.setattr(server.engine, "usage", usage)
    orders = {
        by: [item["team"] for item in json.loads(admin("overview", "--by", by, "--json").out)["teams"]]
        for by in ("cpu", "memory", "deployments", "failures")
    }
    assert orders == {
        "cpu": ["eve", "bob", "ann"],
        "memory": ["ann", "eve", "bob"],
        "deployments": ["bob", "eve", "ann"],
        "failures": ["bob", "ann", "eve"],
    }
    screen = admin("overview", "-n", "1").out
    assert screen == (
        "team  apps  running     cpu    memory  deployments  failed   (24 h)\n"
        "eve      1        1    1.90    3.1 MB            1       0\n"
    )


def test_without_an_engine_the_rest_is_shown(server: Operated, apps: dict[str, AppRecord], admin: Admin) -> None:
    server.engine.down = 1
    found = admin("overview")
    assert found.code == 0
    assert found.out.startswith("processor and memory are not known: the engine is down\n")
    assert "\nbob " in found.out


def test_an_overview_of_nothing_says_so(server: Operated, admin: Admin) -> None:
    assert admin("overview").out == "no team has an app yet\n"


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (("suspend", "app", "shop", "--reason", "x"), NOT_FOUND, "next: an app's name is TEAM/APP"),
        (("suspend", "user", "nobody", "--reason", "x"), NOT_FOUND, "there is no user nobody"),
        (("suspend", "user", "ann", "--reason", " "), USAGE, "a reason has 1 to 500 characters"),
        (("suspend", "user", "ann"), USAGE, "Missing option '--reason'"),
        (("suspend", "planet", "ann", "--reason", "x"), USAGE, "'planet' is not one of"),
        (("resume", "team", "ann"), FAILED, "team ann is not suspended"),
        (("invitations", "--revoke", "aaaaaaaaaa"), NOT_FOUND, "there is no open invitation aaaaaaaaaa"),
    ],
)
def test_what_cannot_be_done_is_said_with_the_next_thing_to_do(
    server: Operated, apps: dict[str, AppRecord], admin: Admin, argv: tuple[str, ...], code: int, said: str
) -> None:
    done = admin(*argv)
    assert (done.code, done.out) == (code, "")
    assert said in done.err
    assert server.engine.suspended == []


def test_an_engine_that_is_down_leaves_it_suspended_and_is_told(
    server: Operated, apps: dict[str, AppRecord], admin: Admin
) -> None:
    server.engine.down = 1
    done = admin("suspend", "app", "ann/shop", "--reason", "x")
    assert done.code == STILL
    assert "it is suspended, and what runs of it stops once the engine answers" in done.err


def test_the_keys_are_rotated_and_the_count_is_told(server: Operated, apps: dict[str, AppRecord], admin: Admin) -> None:
    variables = server.parts.rotation._variables
    server.do(variables.change(apps["ann"].id, {"A": "1", "B": "2"}, (), by="ann"))
    before = (server.settings.keys_dir / "variables.keys").read_text()
    said = admin("rotate-keys").out
    assert said.startswith("rotated: 2 values sealed with the key ")
    assert (server.settings.keys_dir / "variables.keys").read_text() != before
    assert server.do(variables.values(apps["ann"].id, {"A": 1, "B": 1})) == {"A": "1", "B": "2"}


def test_a_platform_invitation_is_made_listed_and_ended(server: Operated, admin: Admin) -> None:
    assert admin("invitations").out == "no open invitations; a new one: loco-server admin invite\n"
    made = json.loads(admin("invite", "--note", "for ann", "--json").out)
    assert made["code"].startswith("loco_invite_")
    listed = admin("invitations").out
    assert made["invitation"]["id"] in listed
    assert "for ann" in listed
    assert made["code"] not in listed
    assert "no open invitations" in admin("invitations", "--revoke", made["invitation"]["id"]).out


def test_a_folder_that_nobody_serves_is_told_as_that(folder: Path, admin: Admin) -> None:
    done = admin("overview")
    assert done.code == UNREACHABLE
    assert f"error: no loco-server serves {folder}\n" in done.err
    assert "next: loco-server local --detach" in done.err


def test_a_socket_that_a_killed_server_left_is_told_as_no_server(folder: Path, admin: Admin) -> None:
    (folder / "run").mkdir()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(folder / "run/admin.sock"))
    assert "no loco-server serves" in admin("overview").err


def test_a_socket_of_somebody_else_is_told_as_that(folder: Path, admin: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    class Shut(socket.socket):
        """As the kernel answers a user who is neither root nor the owner; the tests are root."""

        def connect(self, address: Any) -> None:
            raise PermissionError(13, "Permission denied", address)

    monkeypatch.setattr(socket, "socket", Shut)
    done = admin("overview")
    assert done.code == NOT_ALLOWED
    assert "is for the user who runs the server alone" in done.err


def test_a_server_that_dies_on_the_way_is_told(folder: Path, admin: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_off(*_: object, **__: object) -> None:
        raise httpx.RemoteProtocolError("Server disconnected")

    monkeypatch.setattr(Socket, "_knock", lambda _: None)
    monkeypatch.setattr(httpx.Client, "request", break_off)
    assert "broke off: Server disconnected" in admin("overview").err


@pytest.mark.parametrize(("status", "content"), [(200, b'{"strange": 1}'), (500, b"<html>"), (422, b"[]")])
def test_a_server_of_another_version_is_told_and_no_trace_shown(
    folder: Path, admin: Admin, monkeypatch: pytest.MonkeyPatch, status: int, content: bytes
) -> None:
    answer = httpx.Response(status, content=content, request=httpx.Request("GET", "http://loco-server/overview"))
    monkeypatch.setattr(Socket, "_knock", lambda _: None)
    monkeypatch.setattr(httpx.Client, "request", lambda *_, **__: answer)
    done = admin("overview")
    assert done.code == FAILED
    assert "Traceback" not in done.err
    assert "loco-server version" in done.err


def test_a_defect_is_told_by_its_request_alone(server: Operated, admin: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(**_: object) -> None:
        raise RuntimeError("the inside")

    monkeypatch.setattr(server.parts.load, "teams", broken)
    done = admin("overview")
    assert done.code == FAILED
    assert "a defect of the server (request " in done.err
    assert "the inside" not in done.err


def test_what_the_operator_does_stands_in_the_trail_and_the_team_sees_its_own(
    server: Operated, apps: dict[str, AppRecord], admin: Admin
) -> None:
    admin("suspend", "app", "ann/shop", "--reason", "mines coins")
    admin("resume", "app", "ann/shop")
    admin("suspend", "user", "bob", "--reason", "is somebody else")
    admin("quota", "ann", "cpu=4")
    made = json.loads(admin("invite", "--json").out)
    admin("rotate-keys")
    admin("suspend", "app", "ann/shop", "--reason", " ")  # refused before anything is written
    found = json.loads(admin("events", "--json").out)["events"]
    own = [(item["actor"], item["action"], item["subject"], item["outcome"]) for item in found]
    assert own[-5:] == [
        ("operator", "app.suspend", "ann/shop", "done"),
        ("operator", "app.resume", "ann/shop", "done"),
        ("operator", "user.suspend", "bob", "done"),
        ("operator", "team.quota", "ann", "done"),
        ("operator", "invitation.create", made["invitation"]["id"], "done"),
    ]
    assert made["code"] not in json.dumps(found)
    assert all(item["request_id"] for item in found if item["actor"] == "operator")
    of_team = server.do(server.parts.audit.read(apps["ann"].team_id, None, None, 100))
    assert [each.action for each in of_team] == ["app.suspend", "app.resume", "team.quota"]
    assert [each.detail for each in of_team] == [{"reason": "mines coins"}, {}, {"changes": ["cpu=4"]}]
    assert [item["action"] for item in json.loads(admin("events", "--team", "ann", "--json").out)["events"]] == [
        "app.suspend",
        "app.resume",
        "team.quota",
    ]
    screen = admin("events", "-n", "1").out
    assert screen.endswith(f"Z operator invitation.create {made['invitation']['id']}\n")
    assert admin("events", "--team", "nobody").code == NOT_FOUND


def test_an_event_steers_no_terminal(server: Operated, admin: Admin) -> None:
    async def leave() -> None:
        async with server.parts.audit.change(Change(actor="ann \x1b[2J", action="x", subject="y")):
            await server.records.facts.add_garbage()

    server.do(leave())
    assert "\x1b" not in admin("events").out


def test_quotas_are_shown_given_and_taken_back(server: Operated, apps: dict[str, AppRecord], admin: Admin) -> None:
    shown = admin("quota", "eve").out
    assert shown.startswith("quota                     used      most\napps                         1       100\n")
    given = admin("quota", "eve", "cpu=4", "image=500MB").out
    assert "cpu                       0.25         4  (its own)\n" in given
    assert "image                        -  500.0 MB  (its own)\n" in given
    taken = json.loads(admin("quota", "eve", "cpu=default", "--json").out)["quotas"]
    assert {item["name"] for item in taken if item["own"]} == {"image"}
    refused = admin("quota", "eve", "planets=9")
    assert (refused.code, refused.out) == (USAGE, "")
    assert admin("quota", "nobody").code == NOT_FOUND


def test_everybody_is_found_by_what_they_sign_in_by(server: Operated, apps: dict[str, AppRecord], admin: Admin) -> None:
    server.do(server.records.people.signed_in("github", "583231", "octocat", "octo@example.com"))
    admin("suspend", "user", "octocat", "--reason", "is somebody else")
    found = json.loads(admin("users", "--json").out)["users"]
    assert found[-1] == {
        "login": "octocat",
        "email": "octo@example.com",
        "identities": ["github:583231"],
        "suspended": "is somebody else",
    }
    screen = admin("users").out
    assert "octocat  github:583231  octo@example.com  suspended: is somebody else\n" in screen
    assert "ann  local:ann\n" in screen
    # The events of a personal team tell of its person's suspension.
    [event] = json.loads(admin("events", "--team", "octocat", "--json").out)["events"]
    assert (event["action"], event["detail"]) == ("user.suspend", {"reason": "is somebody else"})


def test_a_note_that_is_too_long_is_refused_before_anybody_is_asked(folder: Path, admin: Admin) -> None:
    done = admin("invite", "--note", "x" * 201)
    assert (done.code, done.err) == (USAGE, "error: --note has 200 characters at the most\n")
