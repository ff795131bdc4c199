"""The server, signing in and out, and who one is."""

import pytest

from loco_cli.client import account
from loco_cli.client.http import Http
from loco_spec import api
from loco_spec.errors import NotSignedIn
from tests.loco_cli.samples import THE_SERVER, me
from tests.loco_cli.server import Server


def sent_a_token(server: Server) -> bool:
    return "authorization" in server.mock.get_requests()[-1].headers


def test_what_the_server_is_can_be_asked_by_anybody(server: Server, http: Http) -> None:
    server.answers("GET /v1/server", THE_SERVER)
    assert account.server(http) == THE_SERVER
    assert not sent_a_token(server)


def test_a_sign_in_is_started_with_a_provider_and_ended_with_a_proof_and_no_old_token(
    server: Server, http: Http
) -> None:
    prompt = api.LoginPrompt(login="local-7", provider="local", expires_in=60, file="/run/proof")
    server.answers("POST /v1/login", prompt)
    assert account.login_start(http, "local") == prompt
    assert server.body() == {"provider": "local"}
    assert not sent_a_token(server)
    signed_in = api.SignedIn(token="loco_new", me=me())
    server.answers("POST /v1/login/local-7", signed_in)
    assert account.login_finish(http, "local-7", "the proof") == signed_in
    assert server.body() == {"proof": "the proof", "invitation": None}
    assert not sent_a_token(server)


def test_a_sign_in_that_failed_says_why(server: Server, http: Http) -> None:
    server.refuses("POST /v1/login/local-7", NotSignedIn("the proof is wrong, or came too late"))
    with pytest.raises(NotSignedIn, match="too late"):
        account.login_finish(http, "local-7", "x")


def test_a_sign_out_ends_the_session_of_the_token_and_does_not_wait_long(server: Server, http: Http) -> None:
    server.answers("DELETE /v1/session")
    account.logout(http)
    assert sent_a_token(server)
    assert server.mock.get_requests()[0].extensions["timeout"]["read"] == 10


def test_who_one_is_is_asked_with_the_token(server: Server, http: Http) -> None:
    server.answers("GET /v1/me", me())
    assert account.me(http) == me()
    assert sent_a_token(server)
