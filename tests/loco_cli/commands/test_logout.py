"""`loco logout`."""

from pathlib import Path

import pytest

from loco_spec.errors import NotAllowed, NotSignedIn
from tests.loco_cli.conftest import Loco
from tests.loco_cli.server import TOKEN, URL, Server

END_OF_SESSION = "DELETE /v1/session"


def test_the_session_ends_and_the_token_is_forgotten(server: Server, loco: Loco, signed_in: Path) -> None:
    server.answers(END_OF_SESSION, match_headers={"authorization": f"Bearer {TOKEN}"})
    found = loco("logout")
    assert (found.code, found.out, found.err) == (0, f"signed out of {URL}\n", "")
    assert not signed_in.exists()


def test_a_program_is_told_the_server(server: Server, loco: Loco, signed_in: Path) -> None:
    server.answers(END_OF_SESSION)
    assert loco("logout", "--json").json == {"version": 1, "result": {"server": URL}}


def test_who_is_not_signed_in_is_signed_out(server: Server, loco: Loco) -> None:
    assert loco("logout").out == f"signed out of {URL}\n"
    assert server.asked == []


def test_a_session_that_had_ended_already_is_forgotten(server: Server, loco: Loco, signed_in: Path) -> None:
    server.refuses(END_OF_SESSION, NotSignedIn("the session has ended"))
    found = loco("logout")
    assert (found.code, found.err) == (0, "")
    assert not signed_in.exists()


def test_a_server_that_is_away_keeps_the_session_and_loses_the_token(
    server: Server, loco: Loco, signed_in: Path
) -> None:
    server.is_away(END_OF_SESSION)
    found = loco("logout")
    assert found.code == 0
    assert found.err.startswith("the session goes on until it expires: http://127.0.0.1:7070 (from the default)")
    assert not signed_in.exists()


def test_a_refusal_keeps_the_token(server: Server, loco: Loco, signed_in: Path) -> None:
    server.refuses(END_OF_SESSION, NotAllowed("no"))
    assert loco("logout").code == 4
    assert signed_in.exists()


def test_a_token_of_the_environment_is_not_ours_to_remove(
    server: Server, loco: Loco, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCO_TOKEN", "loco_env")
    found = loco("logout")
    assert (found.code, found.err) == (2, "error: the token is in LOCO_TOKEN\nnext: unset LOCO_TOKEN\n")
    assert server.asked == []
