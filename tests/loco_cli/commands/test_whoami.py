"""`loco whoami`."""

from pathlib import Path

import pytest

from loco_spec import api
from loco_spec.errors import NotSignedIn
from tests.loco_cli.conftest import Loco
from tests.loco_cli.samples import NOW, me
from tests.loco_cli.server import URL, Server


@pytest.mark.usefixtures("signed_in")
def test_it_tells_who_is_signed_in_and_in_which_teams(server: Server, loco: Loco) -> None:
    server.answers("GET /v1/me", me())
    found = loco("whoami")
    assert (found.code, found.out, found.err) == (0, "ann, in 1 team:\n  ann (owner)\n", "")


@pytest.mark.usefixtures("signed_in")
@pytest.mark.parametrize(
    ("token", "line"),
    [
        (api.TokenScope(id="abc", kind="session"), "signed in until 2030-01-02 03:04 UTC, longer with each use"),
        (
            api.TokenScope(id="abc", kind="access", name="ci", team="acme", app="shop", can="deploy"),
            "by token ci: deploy in acme/shop, until 2030-01-02 03:04 UTC",
        ),
        (
            api.TokenScope(id="abc", kind="ci", team="acme", can="admin"),
            "by token abc: admin in acme, until 2030-01-02 03:04 UTC",
        ),
    ],
)
def test_it_tells_the_scope_and_the_end_of_the_token_in_use(
    server: Server, loco: Loco, token: api.TokenScope, line: str
) -> None:
    server.answers("GET /v1/me", me(token=token, expires_at=NOW))
    assert loco("whoami").out.splitlines()[-1] == line


@pytest.mark.usefixtures("signed_in")
def test_a_program_learns_the_server_too(server: Server, loco: Loco) -> None:
    server.answers("GET /v1/me", me())
    assert loco("whoami", "--json").json == {"version": 1, "result": {**me().model_dump(mode="json"), "server": URL}}


def test_the_server_may_be_named(server: Server, loco: Loco, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCO_TOKEN", "loco_env")
    server.url = "https://loco.example.com"
    server.answers("GET /v1/me", me(), match_headers={"authorization": "Bearer loco_env"})
    assert loco("whoami", "--server", "https://loco.example.com/").code == 0


def test_who_is_not_signed_in_is_told_how_to(server: Server, loco: Loco) -> None:
    found = loco("whoami")
    assert (found.code, found.out) == (4, "")
    assert found.err == f"error: you are not signed in to {URL}\nnext: loco login\n"


def test_a_token_that_is_refused_is_told_with_the_file_that_it_stands_in(
    server: Server, loco: Loco, signed_in: Path
) -> None:
    server.refuses("GET /v1/me", NotSignedIn("the session has ended", hint="loco login"))
    found = loco("whoami")
    assert found.code == 4
    assert found.err == f"error: the session has ended (it came from {signed_in})\nnext: loco login\n"
