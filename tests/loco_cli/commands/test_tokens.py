"""`loco tokens`."""

import pytest

from loco_spec import tokens
from loco_spec.errors import NotAllowed
from tests.loco_cli.conftest import Loco
from tests.loco_cli.samples import NOW, me
from tests.loco_cli.server import Server

pytestmark = pytest.mark.usefixtures("signed_in")

TEXT = "loco_access_abc_secret"
TOKENS = "/v1/teams/acme/tokens"


def access(**more: object) -> tokens.AccessToken:
    given = {"id": "abc", "name": "ci", "team": "acme", "can": "deploy", "made_by": "ann", "created_at": NOW}
    return tokens.AccessToken.model_validate({**given, "expires_at": NOW, **more})


def test_a_token_is_shown_once_with_what_it_is_for(server: Server, loco: Loco) -> None:
    server.answers(f"POST {TOKENS}", tokens.TokenCreated(access=access(app="shop"), token=TEXT))
    found = loco("tokens", "create", "ci", "--team", "acme", "--app", "shop", "--can", "deploy", "--expires", "30d")
    assert server.body() == {"name": "ci", "app": "shop", "can": "deploy", "expires": "30d"}
    assert (found.code, found.err) == (0, "")
    assert found.out == (
        f"access token ci: deploy in acme/shop, until 2030-01-02 03:04 UTC\nit is shown this once:\n{TEXT}\n"
    )


def test_for_the_own_team_and_ninety_days_when_nothing_else_is_said(server: Server, loco: Loco) -> None:
    server.answers("GET /v1/me", me())
    server.answers("POST /v1/teams/ann/tokens", tokens.TokenCreated(access=access(), token=TEXT))
    assert loco("tokens", "create", "ci", "--can", "read", "--json").json["result"]["token"] == TEXT
    assert server.body() == {"name": "ci", "app": None, "can": "read", "expires": "90d"}


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["ci", "--can", "read", "--expires", "never"], "--expires never"),
        (["ci", "--can", "read", "--app", "No Slug"], '"No Slug" is not the name of an app'),
        (["", "--can", "read"], "1 to 80 printable characters"),
        (["ci", "--can", "fly"], "'read', 'deploy', 'admin'"),
        (["ci"], "--can"),
    ],
)
def test_what_cannot_be_is_not_sent(server: Server, loco: Loco, args: list[str], words: str) -> None:
    found = loco("tokens", "create", *args, "--team", "acme")
    assert (found.code, found.out) == (2, "")
    assert words in found.err


def test_more_than_ones_own_rights_is_refused(server: Server, loco: Loco) -> None:
    server.refuses(f"POST {TOKENS}", NotAllowed("a token that can admin could do more than a developer may"))
    assert loco("tokens", "create", "ci", "--can", "admin", "-t", "acme").code == 4


def test_tokens_are_listed_with_scope_maker_use_and_end(server: Server, loco: Loco) -> None:
    used = access(id="xyz", name="nightly", app="shop", can="read", used_at=NOW, used_from="10.0.0.1")
    server.answers(f"GET {TOKENS}", tokens.AccessTokens(tokens=(access(), used)))
    assert loco("tokens", "list", "-t", "acme").out == (
        "abc  ci: deploy in acme, until 2030-01-02 03:04 UTC\n"
        "     made by ann, used never\n"
        "xyz  nightly: read in acme/shop, until 2030-01-02 03:04 UTC\n"
        "     made by ann, used 0 s ago from 10.0.0.1\n"
    )
    server.answers(f"GET {TOKENS}", tokens.AccessTokens(tokens=()))
    assert loco("tokens", "list", "-t", "acme").out.startswith("no access tokens; ")


def test_one_is_revoked_by_its_id(server: Server, loco: Loco) -> None:
    server.answers(f"DELETE {TOKENS}/abc")
    assert loco("tokens", "revoke", "abc", "-t", "acme").out == "access token abc is revoked\n"
