"""Who may change whose place in a team: every pair of roles, and the ends of invitations and accounts."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from loco_server.policy import membership
from loco_server.policy.permissions import ROLES
from loco_server.records.values import Holding, InvitationRecord, MemberRecord, Standing, TeamRecord, UserRecord
from loco_spec.errors import Conflict, LocoError, NotAllowed, NotFound
from tests.loco_server.records.databases import NOW

ACME = TeamRecord(id="t", name="acme")
BOB = UserRecord(id="b", login="bob")
RANK = list(ROLES)
"""From the most to the least."""


def standing(actor: str | None, subject: str, *, owners: int = 2, personal: bool = False) -> Standing:
    return Standing(ACME, actor, MemberRecord(BOB, subject, personal=personal), owners=owners, personal=personal)


def says_no(kind: type[LocoError], words: str, *args: object, **more: object) -> None:
    judge, *rest = args
    with pytest.raises(kind, match=words):
        judge(*rest, **more)  # type: ignore[operator]


@pytest.mark.parametrize("actor", RANK)
@pytest.mark.parametrize("subject", RANK)
@pytest.mark.parametrize("role", [*RANK, None])
def test_a_role_is_given_and_taken_by_those_who_manage_and_have_as_much(
    actor: str, subject: str, role: str | None
) -> None:
    manages = actor in {"owner", "admin"}
    reaches = all(RANK.index(each) >= RANK.index(actor) for each in (subject, role) if each is not None)
    if manages and reaches:
        membership.change(standing(actor, subject), role)
    else:
        says_no(NotAllowed, "may not change|more than", membership.change, standing(actor, subject), role)


def test_who_has_left_meanwhile_changes_nothing() -> None:
    says_no(NotAllowed, "may not change", membership.change, standing(None, "viewer"), None)


@pytest.mark.parametrize("role", ["admin", "viewer", None])
def test_the_last_owner_is_neither_demoted_nor_removed_and_does_not_leave(role: str | None) -> None:
    last = standing("owner", "owner", owners=1)
    says_no(Conflict, "bob is the last owner of team acme", membership.change, last, role)
    says_no(Conflict, "bob is the last owner of team acme", membership.leave, last)
    membership.change(last, "owner")
    membership.leave(standing("viewer", "viewer", owners=1))


@pytest.mark.parametrize("role", ["admin", None])
def test_a_personal_team_keeps_its_person_as_owner_whoever_else_owns_it(role: str | None) -> None:
    own = standing("owner", "owner", owners=2, personal=True)
    says_no(Conflict, "bob's own", membership.change, own, role)
    says_no(Conflict, "bob's own", membership.leave, own)


def test_a_team_is_deleted_by_an_owner_when_it_is_empty_and_nobodys_own() -> None:
    membership.delete(standing("owner", "owner"), [])
    says_no(NotAllowed, "only an owner", membership.delete, standing("admin", "admin"), [])
    says_no(NotAllowed, "only an owner", membership.delete, standing(None, "admin"), [])
    says_no(Conflict, "apps: blog, shop", membership.delete, standing("owner", "owner"), ["blog", "shop"])
    says_no(Conflict, "goes with its person", membership.delete, standing("owner", "owner", personal=True), [])


OFFER = InvitationRecord(
    id="i",
    team=ACME,
    role="developer",
    note=None,
    invited_by=BOB,
    created_at=NOW - timedelta(days=1),
    expires_at=NOW + timedelta(seconds=1),
    used=False,
    sha256="",
    inviter_role="admin",
)
PLATFORM = replace(OFFER, team=None, role=None, invited_by=None, inviter_role=None)


def test_a_good_invitation_lets_in() -> None:
    membership.join(OFFER, None, now=NOW)
    assert membership.good(PLATFORM, now=NOW) is PLATFORM


@pytest.mark.parametrize(
    ("offer", "kind", "words"),
    [
        (None, NotFound, "no such invitation"),
        (replace(OFFER, used=True), Conflict, "used already"),
        (replace(OFFER, expires_at=NOW), Conflict, "too old"),
        (replace(PLATFORM, used=True), Conflict, "used already"),
        (PLATFORM, Conflict, "into the platform"),
        (replace(OFFER, team=replace(ACME, suspended="mining")), NotAllowed, "acme is suspended: mining"),
        (replace(OFFER, invited_by=None), NotAllowed, "may not do so any more"),
        (replace(OFFER, invited_by=replace(BOB, suspended="")), NotAllowed, "may not do so any more"),
        (replace(OFFER, inviter_role=None), NotAllowed, "may not do so any more"),
        (replace(OFFER, inviter_role="developer"), NotAllowed, "may not do so any more"),
        (replace(OFFER, role="owner"), NotAllowed, "less by now than it gives"),
    ],
)
def test_any_other_lets_nobody_in_and_says_why(
    offer: InvitationRecord | None, kind: type[LocoError], words: str
) -> None:
    says_no(kind, words, membership.join, offer, None, now=NOW)


def test_who_is_in_the_team_does_not_join_again() -> None:
    says_no(Conflict, "in team acme already, as viewer", membership.join, OFFER, "viewer", now=NOW)


def test_a_token_that_could_do_more_than_its_maker_is_not_made() -> None:
    membership.make_token("developer", "deploy")
    says_no(NotAllowed, "more than a developer", membership.make_token, "developer", "admin")


def holding(name: str, *, personal: bool = False, owns: bool = True, **more: Any) -> Holding:
    given: dict[str, Any] = {"members": 1, "owners": 1, "apps": (), **more}
    return Holding(TeamRecord(id=f"id-{name}", name=name), personal=personal, owns=owns, **given)


def test_with_an_account_go_its_own_team_and_those_that_nobody_else_is_in() -> None:
    going = membership.end_account(
        [
            holding("bob", personal=True, members=3),
            holding("empty"),
            holding("shared", owners=2, members=2, apps=("shop",)),
            holding("guest", owns=False, members=2, apps=("shop",)),
        ]
    )
    assert going == ["id-bob", "id-empty"]


def test_an_account_does_not_end_with_a_suspended_team_of_its_own() -> None:
    held = replace(holding("acme"), team=replace(ACME, suspended="mining"))
    says_no(NotAllowed, "acme is suspended: mining", membership.end_account, [held])


@pytest.mark.parametrize("more", [{"members": 2}, {"apps": ("shop",)}])
def test_teams_that_would_lose_their_only_owner_are_named(more: dict[str, Any]) -> None:
    held = [holding("bob", personal=True), holding("acme", **more), holding("corp", **more)]
    says_no(Conflict, "only owner of: acme, corp", membership.end_account, held)


def test_apps_of_the_own_team_are_named() -> None:
    says_no(
        Conflict,
        "still has apps: blog, shop",
        membership.end_account,
        [holding("b", personal=True, apps=("blog", "shop"))],
    )
