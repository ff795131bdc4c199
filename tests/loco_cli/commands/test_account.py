"""`loco account`."""

from collections.abc import Callable
from pathlib import Path

import pytest

from loco_spec import account, teams
from loco_spec.errors import Conflict
from tests.loco_cli.conftest import Loco
from tests.loco_cli.samples import NOW, me
from tests.loco_cli.server import Server

SESSIONS = "/v1/account/sessions"


@pytest.mark.usefixtures("signed_in")
def test_what_the_server_knows(server: Server, loco: Loco) -> None:
    found = account.Account(
        user="ann",
        email="ann@example.com",
        created_at=NOW,
        identities=(account.Identity(provider="github", subject="583231"),),
        teams=(teams.TeamSummary(name="ann", role="owner", personal=True),),
    )
    server.answers("GET /v1/account", found)
    assert loco("account", "show").out == (
        "ann <ann@example.com>, since 2030-01-02\n  signs in by github (583231)\n  ann  owner (personal)\n"
    )


@pytest.mark.usefixtures("signed_in")
def test_sessions_are_listed(server: Server, loco: Loco) -> None:
    found = (
        account.Session(id="abc", created_at=NOW, expires_at=NOW, used_at=NOW, used_from="10.0.0.1", current=True),
        account.Session(id="xyz", created_at=NOW, expires_at=NOW),
    )
    server.answers(f"GET {SESSIONS}", account.Sessions(sessions=found))
    assert loco("account", "sessions").out == (
        "abc  in use here\n"
        "     opened 0 s ago, until 2030-01-02 03:04 UTC\n"
        "xyz  used never\n"
        "     opened 0 s ago, until 2030-01-02 03:04 UTC\n"
    )


@pytest.mark.usefixtures("signed_in")
def test_one_session_or_all_others_end(server: Server, loco: Loco) -> None:
    server.answers(f"DELETE {SESSIONS}/abc")
    assert loco("account", "revoke", "abc").out == "session abc is revoked\n"
    server.answers(f"DELETE {SESSIONS}", account.SessionsRevoked(revoked=2))
    assert loco("account", "revoke", "--all-others").out == "2 other sessions ended\n"


@pytest.mark.usefixtures("signed_in")
@pytest.mark.parametrize("args", [[], ["abc", "--all-others"]])
def test_one_or_all_others_must_be_said(server: Server, loco: Loco, args: list[str]) -> None:
    found = loco("account", "revoke", *args)
    assert (found.code, found.out) == (2, "")
    assert "name one session, or --all-others" in found.err


@pytest.mark.parametrize("way", ["given", "typed"])
def test_an_account_is_deleted_once_its_login_was_given_and_the_token_forgotten(
    server: Server, loco: Loco, signed_in: Path, types: Callable[[str], None], way: str
) -> None:
    server.answers("GET /v1/me", me())
    server.answers("POST /v1/account/delete", account.AccountDeleted(user="ann"))
    types("ann\n")
    found = loco("account", "delete", "--with-apps", *(["--confirm", "ann"] if way == "given" else []))
    assert server.body() == {"confirm": "ann", "with_apps": True}
    assert (found.code, found.out) == (0, "the account ann is gone, with everything of its own\n")
    assert not signed_in.exists()


def test_anything_else_deletes_nothing(
    server: Server, loco: Loco, signed_in: Path, types: Callable[[str], None]
) -> None:
    server.answers("GET /v1/me", me())
    found = loco("account", "delete")
    assert (found.code, found.out) == (2, "")
    assert found.err.endswith("next: loco account delete --confirm ann\n")
    server.answers("GET /v1/me", me())
    assert loco("account", "delete", "--yes").code == 2  # which account it is was not said
    server.answers("GET /v1/me", me())
    assert loco("account", "delete", "--confirm", "bob").code == 2
    server.answers("GET /v1/me", me())
    types("y\n")
    assert loco("account", "delete").code == 2
    assert signed_in.exists()


def test_a_refusal_keeps_the_token(server: Server, loco: Loco, signed_in: Path) -> None:
    server.answers("GET /v1/me", me())
    server.refuses("POST /v1/account/delete", Conflict("you are the only owner of: acme"))
    found = loco("account", "delete", "--confirm", "ann")
    assert (found.code, found.err) == (1, "error: you are the only owner of: acme\n")
    assert signed_in.exists()
