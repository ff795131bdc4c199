"""Nothing about people from elsewhere steers the terminal; what a result says stands in the tests of the commands."""

import pytest
from pydantic import BaseModel

import loco_cli.ui.render_people  # noqa: F401  it tells `human` what it can show
from loco_cli.ui.render import human
from loco_cli.ui.results import Revoked, TeamChanged
from loco_spec import account, api, teams, tokens
from tests.loco_cli.samples import NOW, me

EVIL = "\x1b[2J"
SUMMARY = teams.TeamSummary(name=EVIL, role=EVIL, suspended=EVIL)
INVITATION = teams.Invitation(id=EVIL, team=EVIL, role=EVIL, note=EVIL, invited_by=EVIL, created_at=NOW, expires_at=NOW)
ACCESS = tokens.AccessToken(
    id=EVIL, name=EVIL, team=EVIL, app=EVIL, can=EVIL, made_by=EVIL, created_at=NOW, used_from=EVIL
)


@pytest.mark.parametrize(
    "value",
    [
        me(token=api.TokenScope(id=EVIL, kind="access", name=EVIL, team=EVIL, app=EVIL, can=EVIL)),
        account.Account(
            user=EVIL,
            email=EVIL,
            created_at=NOW,
            identities=(account.Identity(provider=EVIL, subject=EVIL),),
            teams=(SUMMARY,),
        ),
        account.Sessions(sessions=(account.Session(id=EVIL, created_at=NOW, used_from=EVIL),)),
        account.AccountDeleted(user=EVIL),
        teams.Teams(teams=(SUMMARY,)),
        teams.Members(team=EVIL, members=(teams.Member(user=EVIL, role=EVIL, suspended=EVIL),)),
        teams.InvitationCreated(invitation=INVITATION, code=EVIL),
        teams.Invitations(invitations=(INVITATION,)),
        tokens.TokenCreated(access=ACCESS, token=EVIL),
        tokens.AccessTokens(tokens=(ACCESS,)),
        *(
            TeamChanged(change=change, team=EVIL, user=EVIL, role=EVIL)
            for change in ("created", "joined", "role", "removed", "left", "deleted")
        ),
        Revoked(kind="session", id=EVIL),
    ],
    ids=lambda value: type(value).__name__,
)
def test_nothing_from_elsewhere_steers_the_terminal(value: BaseModel) -> None:
    found = human(value)
    assert "\N{REPLACEMENT CHARACTER}" in "".join(found)
    assert not [line for line in found if "\x1b" in line]


def test_what_has_no_end_says_so() -> None:
    assert human(tokens.AccessTokens(tokens=(ACCESS,)))[0].endswith("without an end")


def test_an_operators_invitation_says_whose_it_is() -> None:
    of_the_operator = INVITATION.model_copy(update={"invited_by": None})
    assert "by the operator" in human(teams.Invitations(invitations=(of_the_operator,)))[0]


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 other sessions"), (1, "1 other session ended"), (2, "2 other sessions")]
)
def test_sessions_that_ended_are_counted(count: int, words: str) -> None:
    assert words in human(account.SessionsRevoked(revoked=count))[0]
