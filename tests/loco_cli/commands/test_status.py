"""`loco status`."""

import sys
from pathlib import Path

import pytest

from loco_spec import api
from loco_spec.errors import NotFound
from tests.loco_cli.conftest import Clock, Loco
from tests.loco_cli.samples import deployment, me
from tests.loco_cli.screen import SHOW_CURSOR, Screen
from tests.loco_cli.server import Server

pytestmark = pytest.mark.usefixtures("signed_in")

STATUS = api.AppStatus(team="acme", app="shop", latest=deployment("rolling", 1))


def test_the_app_of_this_folder_is_looked_at(server: Server, loco: Loco, folder: Path) -> None:
    server.answers("GET /v1/me", me(default_team="acme"))
    server.answers("GET /v1/teams/acme/apps/shop", STATUS)
    found = loco("status")
    assert (found.code, found.err) == (0, "")
    assert found.out == "shop of team acme\nlive: nothing; loco deploy\nnewest: v1 rolling by ann\n"


def test_the_app_of_another_folder_is_looked_at(server: Server, loco: Loco, tmp_path: Path) -> None:
    (tmp_path / "loco.toml").write_text('name = "shop"\nteam = "acme"')
    server.answers("GET /v1/teams/acme/apps/shop", STATUS)
    assert loco("status", tmp_path).code == 0


@pytest.mark.parametrize("flags", [("--app", "shop", "--team", "acme"), ("-a", "shop", "-t", "acme")])
def test_a_program_gets_the_status_of_an_app_by_its_name(server: Server, loco: Loco, flags: tuple[str, ...]) -> None:
    server.answers("GET /v1/teams/acme/apps/shop", STATUS)
    assert loco("status", *flags, "--json").json == {"version": 1, "result": STATUS.model_dump(mode="json")}


def is_watched(server: Server, *found: api.AppStatus) -> None:
    for each in found:
        server.answers("GET /v1/teams/acme/apps/shop", each)


def stops(server: Server) -> None:
    server.mock.add_exception(KeyboardInterrupt(), url=f"{server.url}/v1/teams/acme/apps/shop")


SHOP = ("-a", "shop", "-t", "acme")
LIVE = api.AppStatus(team="acme", app="shop", latest=deployment("failed", 1, reason="it exited"))


def test_a_watched_app_is_shown_anew_where_it_has_changed_until_ctrl_c(
    server: Server, loco: Loco, clock: Clock
) -> None:
    is_watched(server, STATUS, STATUS, LIVE)
    stops(server)
    found = loco("status", *SHOP, "--watch")
    assert (found.code, found.err) == (130, "")
    blocks = found.out.split("\n\n")
    assert [block.splitlines()[-1] for block in blocks[:-1]] == [
        "newest: v1 rolling by ann",
        "newest: v1 failed by ann: it exited",
    ]
    assert clock.slept == [2.0, 2.0, 2.0]


def test_a_program_that_watches_gets_an_object_for_each_change(server: Server, loco: Loco, clock: Clock) -> None:
    is_watched(server, STATUS, STATUS, LIVE)
    stops(server)
    found = loco("status", *SHOP, "--watch", "--json")
    assert found.objects == [{"version": 1, "result": each.model_dump(mode="json")} for each in (STATUS, LIVE)]
    assert found.err == ""


def test_on_a_terminal_it_is_drawn_over(
    server: Server, loco: Loco, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("TERM", "xterm")
    is_watched(server, STATUS, STATUS)
    stops(server)
    assert loco("status", *SHOP, "--watch").code == 130
    text = screen.getvalue()
    assert text.count("newest: v1 rolling by ann") == 3  # the last one is what stays
    assert "\x1b[2K\x1b[1A\x1b[2K" in text
    assert text.endswith(SHOW_CURSOR)


def test_a_server_that_goes_away_meanwhile_is_waited_for(server: Server, loco: Loco, clock: Clock) -> None:
    is_watched(server, STATUS)
    server.is_away("GET /v1/teams/acme/apps/shop")
    server.is_away("GET /v1/teams/acme/apps/shop")
    is_watched(server, LIVE)
    stops(server)
    found = loco("status", *SHOP, "-w")
    assert (found.err.count("; asking again\n"), found.out.count("newest")) == (1, 2)


def test_one_that_is_away_from_the_start_is_told_at_once(server: Server, loco: Loco, clock: Clock) -> None:
    server.is_away("GET /v1/teams/acme/apps/shop")
    assert loco("status", *SHOP, "--watch").code == 7
    assert clock.slept == []


def test_an_app_that_is_not_there_has_an_exit_code_of_its_own(server: Server, loco: Loco) -> None:
    server.refuses("GET /v1/teams/acme/apps/shop", NotFound("there is no app shop in acme", hint="loco apps -t acme"))
    found = loco("status", "-a", "shop", "-t", "acme")
    assert (found.code, found.out) == (5, "")
    assert found.err == "error: there is no app shop in acme\nnext: loco apps -t acme\n"
