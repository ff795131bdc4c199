"""`loco version`."""

import pytest

from loco_spec.errors import ClientTooOld
from loco_spec.version import VERSION
from tests.loco_cli.conftest import Loco
from tests.loco_cli.samples import THE_SERVER
from tests.loco_cli.server import URL, Server


def test_it_tells_both_versions_and_needs_no_sign_in(server: Server, loco: Loco) -> None:
    server.answers("GET /v1/server", THE_SERVER)
    found = loco("version")
    assert (found.code, found.out, found.err) == (0, f"loco    {VERSION}\nserver  1.2.3 ({URL})\n", "")


def test_a_program_gets_both(server: Server, loco: Loco) -> None:
    server.answers("GET /v1/server", THE_SERVER)
    assert loco("version", "--json").json["result"] == {"client": VERSION, "server": "1.2.3", "url": URL}


@pytest.mark.parametrize("why", ["away", "too old", "another"])
def test_a_server_that_does_not_answer_fails_nothing(server: Server, loco: Loco, why: str) -> None:
    if why == "away":
        server.is_away("GET /v1/server")
    elif why == "too old":
        server.refuses("GET /v1/server", ClientTooOld("loco 9.0 or later"))
    else:
        server.says("GET /v1/server", 200, b"<html>")
    found = loco("version")
    assert (found.code, found.out) == (0, f"loco    {VERSION}\nserver  not reached ({URL})\n")


def test_a_url_that_is_none_is_refused(loco: Loco) -> None:
    found = loco("version", "--server", "loco.example.com")
    assert found.code == 2
    assert "--server is not a URL of a server" in found.err
