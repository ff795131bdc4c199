from itertools import pairwise
from typing import get_args

import pytest

from loco_server.policy.permissions import CAN, ROLES, Permission, allows, at_most, may_make, token_allows
from loco_spec.teams import RoleName
from loco_spec.tokens import Can


def test_a_viewer_reads_may_leave_and_does_nothing_else() -> None:
    assert {permission for permission in Permission if allows("viewer", permission)} == {
        Permission.APP_READ,
        Permission.VARIABLES_READ,
        Permission.TEAM_READ,
        Permission.EVENTS_READ,
        Permission.POLICY_READ,
        Permission.TEAM_LEAVE,
    }


def test_a_developer_deploys_and_does_not_destroy() -> None:
    assert allows("developer", Permission.APP_DEPLOY)
    assert not allows("developer", Permission.APP_DESTROY)


def test_an_owner_may_do_everything_that_any_role_may() -> None:
    assert ROLES["owner"] == frozenset().union(*ROLES.values())


def test_an_unknown_role_and_an_unknown_token_may_do_nothing() -> None:
    assert not any(allows("guest", permission) for permission in Permission)
    assert not any(token_allows("fly", permission) for permission in Permission)
    assert not may_make("owner", "fly")


def test_the_wire_knows_the_roles_and_what_tokens_can_and_no_others() -> None:
    assert get_args(RoleName) == tuple(ROLES)
    assert get_args(Can) == tuple(CAN)


def test_each_role_has_all_that_the_next_one_has_and_more() -> None:
    names = list(ROLES)
    for more, less in pairwise(names):
        assert at_most(less, more)
        assert not at_most(more, less)


def test_a_session_holds_nothing_back_and_a_machine_never_makes_tokens_invites_or_trusts() -> None:
    assert all(token_allows(None, permission) for permission in Permission)
    for can in CAN:
        for permission in (
            Permission.ACCOUNT,
            Permission.TOKENS_MANAGE,
            Permission.TEAM_MANAGE,
            Permission.TEAM_LEAVE,
            Permission.TEAM_OWN,
            Permission.POLICY_WRITE,
        ):
            assert not token_allows(can, permission)


@pytest.mark.parametrize(
    ("role", "cans"),
    [
        ("owner", ["read", "deploy", "admin"]),
        ("admin", ["read", "deploy", "admin"]),
        ("developer", ["read", "deploy"]),
        ("viewer", ["read"]),
        ("guest", []),
    ],
)
def test_a_token_is_made_by_somebody_who_has_all_that_it_can(role: str, cans: list[str]) -> None:
    assert [can for can in CAN if may_make(role, can)] == cans
