"""`loco teams`."""

import sys
from collections.abc import Callable
from io import StringIO

import pytest

from loco_spec import teams
from loco_spec.errors import Conflict, NotAllowed
from tests.loco_cli.conftest import Loco
from tests.loco_cli.samples import NOW, me
from tests.loco_cli.server import Server

pytestmark = pytest.mark.usefixtures("signed_in")

ACME = "/v1/teams/acme"
CODE = "loco_invite_abc_secret"
INVITATION = teams.Invitation(
    id="abc", team="acme", role="developer", note="for Bob", invited_by="ann", created_at=NOW, expires_at=NOW
)


def test_a_team_is_made_and_the_next_step_told(server: Server, loco: Loco) -> None:
    server.answers("POST /v1/teams", teams.TeamSummary(name="acme", role="owner"))
    found = loco("teams", "create", "acme")
    assert server.body() == {"name": "acme"}
    assert (found.code, found.err) == (0, "")
    assert found.out == "team acme is made, and you own it\nnext: loco teams invite --role developer --team acme\n"


@pytest.mark.parametrize("verb", ["create", "leave", "delete"])
def test_what_is_no_name_of_a_team_is_not_sent(server: Server, loco: Loco, verb: str) -> None:
    found = loco("teams", verb, "Acme Inc")
    assert (found.code, found.out) == (2, "")
    assert found.err.startswith('error: "Acme Inc" is not the name of a team')
    assert found.err.endswith("next: loco teams create acme-inc\n")


def test_teams_are_listed_with_ones_role(server: Server, loco: Loco) -> None:
    found = (
        teams.TeamSummary(name="ann", role="owner", personal=True),
        teams.TeamSummary(name="acme", role="viewer", suspended="mining"),
    )
    server.answers("GET /v1/teams", teams.Teams(teams=found))
    assert loco("teams", "list").out == "ann   owner (personal)\nacme  viewer, suspended: mining\n"


def test_members_of_ones_own_team_or_of_the_one_that_is_named(server: Server, loco: Loco) -> None:
    members = (teams.Member(user="ann", role="owner", personal=True), teams.Member(user="bo", role="viewer"))
    server.answers("GET /v1/me", me())
    server.answers("GET /v1/teams/ann/members", teams.Members(team="ann", members=members))
    assert loco("teams", "members").out == "ann  owner (personal)\nbo   viewer\n"
    server.answers(f"GET {ACME}/members", teams.Members(team="acme", members=members[1:]))
    assert loco("teams", "members", "--team", "acme", "--json").json["result"]["members"][0]["user"] == "bo"


def test_an_invitation_is_printed_with_the_line_to_send(server: Server, loco: Loco) -> None:
    server.answers(f"POST {ACME}/invitations", teams.InvitationCreated(invitation=INVITATION, code=CODE))
    found = loco("teams", "invite", "--role", "developer", "--note", "for Bob", "--team", "acme")
    assert server.body() == {"role": "developer", "note": "for Bob"}
    assert (found.code, found.err) == (0, "")
    assert found.out == (
        "an invitation into team acme as developer, until 2030-01-02 03:04 UTC\n"
        "it is for one person, and shown this once:\n"
        f"  {CODE}\n"
        "who is invited types: loco teams join CODE\n"
    )


def test_a_program_gets_the_code(server: Server, loco: Loco) -> None:
    server.answers(f"POST {ACME}/invitations", teams.InvitationCreated(invitation=INVITATION, code=CODE))
    assert loco("teams", "invite", "--role", "viewer", "-t", "acme", "--json").json["result"]["code"] == CODE


def test_a_note_that_is_too_long_and_a_role_that_there_is_not_are_not_sent(server: Server, loco: Loco) -> None:
    assert loco("teams", "invite", "--role", "viewer", "-t", "acme", "--note", "x" * 201).code == 2
    found = loco("teams", "invite", "--role", "boss")
    assert found.code == 2
    assert "'owner', 'admin', 'developer', 'viewer'" in found.err


def test_open_invitations_are_listed_and_revoked(server: Server, loco: Loco) -> None:
    server.answers(f"GET {ACME}/invitations", teams.Invitations(invitations=(INVITATION,)))
    listed = loco("teams", "invitations", "-t", "acme")
    assert listed.out == "abc  developer  by ann, until 2030-01-02 03:04 UTC  for Bob\n"
    server.answers(f"GET {ACME}/invitations", teams.Invitations(invitations=()))
    assert loco("teams", "invitations", "-t", "acme").out.startswith("no open invitations; ")
    server.answers(f"DELETE {ACME}/invitations/a%2Fb")
    assert loco("teams", "invitations", "-t", "acme", "--revoke", "a/b").out == "invitation a/b is revoked\n"


@pytest.mark.parametrize("way", ["argument", "stdin"])
def test_one_joins_by_a_code(server: Server, loco: Loco, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    monkeypatch.setattr(sys, "stdin", StringIO(f"{CODE}\n"))
    server.answers("POST /v1/join", teams.TeamSummary(name="acme", role="developer"))
    found = loco("teams", "join", CODE if way == "argument" else "-")
    assert server.body() == {"code": CODE}
    assert (found.code, found.out) == (0, "you are in team acme, as developer\n")


def test_a_code_that_was_used_says_so(server: Server, loco: Loco) -> None:
    server.refuses("POST /v1/join", Conflict("the invitation was used already", hint="ask for another one"))
    found = loco("teams", "join", CODE)
    assert (found.code, found.err) == (1, "error: the invitation was used already\nnext: ask for another one\n")


def test_a_role_is_given(server: Server, loco: Loco) -> None:
    server.answers(f"PATCH {ACME}/members/bob", teams.Member(user="bob", role="admin"))
    assert loco("teams", "role", "bob", "admin", "-t", "acme").out == "bob is admin of team acme\n"
    assert server.body() == {"role": "admin"}


def test_a_refusal_is_told(server: Server, loco: Loco) -> None:
    server.refuses(f"DELETE {ACME}/members/ann", NotAllowed("ann is owner of team acme, which is more than admin"))
    found = loco("teams", "remove", "ann", "-t", "acme")
    assert (found.code, found.out) == (4, "")
    assert "more than admin" in found.err


def test_somebody_is_removed_and_one_leaves(server: Server, loco: Loco) -> None:
    server.answers(f"DELETE {ACME}/members/bob")
    removed = loco("teams", "remove", "bob", "-t", "acme")
    assert removed.out == "bob is out of team acme, and their tokens for it have ended\n"
    server.answers(f"POST {ACME}/leave")
    left = loco("teams", "leave", "acme", "--json")
    assert left.json["result"] == {"change": "left", "team": "acme", "user": None, "role": None}


def test_a_team_is_deleted_once_its_name_was_typed_or_given(
    server: Server, loco: Loco, types: Callable[[str], None]
) -> None:
    found = loco("teams", "delete", "acme")
    assert (found.code, found.out) == (2, "")
    assert "next: loco teams delete acme --yes" in found.err
    assert loco("teams", "delete", "acme", "--confirm", "corp").code == 2
    types("corp\n")
    assert loco("teams", "delete", "acme").code == 2
    server.answers(f"DELETE {ACME}")
    types("acme\n")
    assert loco("teams", "delete", "acme").out == "team acme is gone\n"
    server.answers(f"DELETE {ACME}")
    assert loco("teams", "delete", "acme", "--confirm", "acme").code == 0
    assert loco("teams", "delete", "acme", "--confirm", "corp", "--yes").code == 2
    server.answers(f"DELETE {ACME}")
    assert loco("teams", "delete", "acme", "--yes").code == 0
