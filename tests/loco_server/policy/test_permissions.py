from loco_server.policy.permissions import ROLES, Permission, allows


def test_a_viewer_reads_and_does_nothing_else() -> None:
    assert {permission for permission in Permission if allows("viewer", permission)} == {Permission.APP_READ}


def test_a_developer_deploys_and_does_not_destroy() -> None:
    assert allows("developer", Permission.APP_DEPLOY)
    assert not allows("developer", Permission.APP_DESTROY)


def test_an_owner_may_do_everything_that_any_role_may() -> None:
    assert ROLES["owner"] == frozenset().union(*ROLES.values())


def test_an_unknown_role_may_do_nothing() -> None:
    assert not any(allows("guest", permission) for permission in Permission)
