"""`loco status`."""

from pathlib import Path

import pytest

from loco_spec import api
from loco_spec.errors import NotFound
from tests.loco_cli.conftest import Loco
from tests.loco_cli.samples import deployment, me
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


def test_an_app_that_is_not_there_has_an_exit_code_of_its_own(server: Server, loco: Loco) -> None:
    server.refuses("GET /v1/teams/acme/apps/shop", NotFound("there is no app shop in acme", hint="loco apps -t acme"))
    found = loco("status", "-a", "shop", "-t", "acme")
    assert (found.code, found.out) == (5, "")
    assert found.err == "error: there is no app shop in acme\nnext: loco apps -t acme\n"
