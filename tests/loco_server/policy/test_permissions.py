import pytest

from loco_server.policy.permissions import CAN, ROLES, Permission, allows, at_most, token_allows


def test_a_viewer_reads_and_does_nothing_else() -> None:
    assert {permission for permission in Permission if allows("viewer", permission)} == {
        Permission.APP_READ,
        Permission.VARIABLES_READ,
        Permission.TEAM_READ,
        Permission.POLICY_READ,
    }


def test_a_session_holds_nothing_back_and_a_machines_token_never_makes_others() -> None:
    for permission in Permission:
        assert token_allows(None, permission)
    for can in CAN:
        assert not any(
            token_allows(can, permission)
            for permission in (Permission.TOKENS_MANAGE, Permission.TEAM_MANAGE, Permission.POLICY_WRITE)
        )
    assert not token_allows("everything", Permission.APP_READ)


@pytest.mark.parametrize(
    ("role", "other", "so"), [("viewer", "owner", True), ("admin", "developer", False), ("owner", "owner", True)]
)
def test_a_role_is_at_most_another_when_it_has_nothing_that_the_other_has_not(
    role: str, other: str, *, so: bool
) -> None:
    assert at_most(role, other) is so


def test_a_developer_deploys_and_does_not_destroy() -> None:
    assert allows("developer", Permission.APP_DEPLOY)
    assert not allows("developer", Permission.APP_DESTROY)


def test_an_owner_may_do_everything_that_any_role_may() -> None:
    assert ROLES["owner"] == frozenset().union(*ROLES.values())


def test_an_unknown_role_may_do_nothing() -> None:
    assert not any(allows("guest", permission) for permission in Permission)
