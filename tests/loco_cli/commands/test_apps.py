"""`loco apps`."""

import pytest

from loco_spec import api
from tests.loco_cli.conftest import Loco
from tests.loco_cli.samples import NOW, me
from tests.loco_cli.server import Server

pytestmark = pytest.mark.usefixtures("signed_in")

APPS = api.Apps(
    apps=(api.AppSummary(team="ann", app="shop", live=3, state="live", urls=("http://shop",), updated_at=NOW),)
)


def test_the_apps_of_the_persons_own_team_are_listed(server: Server, loco: Loco) -> None:
    server.answers("GET /v1/me", me(default_team="ann"))
    server.answers("GET /v1/teams/ann/apps", APPS)
    found = loco("apps")
    assert (found.code, found.out, found.err) == (0, "shop  v3 live     live        http://shop\n", "")


@pytest.mark.parametrize("flag", ["--team", "-t"])
def test_the_apps_of_another_team_are_listed_by_its_name(server: Server, loco: Loco, flag: str) -> None:
    server.answers("GET /v1/teams/acme/apps", api.Apps(apps=()))
    assert loco("apps", flag, "acme").out == "no apps yet; the first one: loco deploy\n"


def test_a_program_gets_them_as_the_server_told_them(server: Server, loco: Loco) -> None:
    server.answers("GET /v1/teams/acme/apps", APPS)
    assert loco("apps", "-t", "acme", "--json").json == {"version": 1, "result": APPS.model_dump(mode="json")}
