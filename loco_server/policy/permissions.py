"""Who may do what: the one readable table. Every endpoint names a permission; no permission, no endpoint."""

from enum import StrEnum


class Permission(StrEnum):
    PUBLIC = "public"
    """Anybody, signed in or not."""
    SIGNED_IN = "signed-in"
    APP_READ = "app:read"
    APP_DEPLOY = "app:deploy"
    APP_DESTROY = "app:destroy"


ROLES: dict[str, frozenset[Permission]] = {
    "owner": frozenset({Permission.APP_READ, Permission.APP_DEPLOY, Permission.APP_DESTROY}),
    "admin": frozenset({Permission.APP_READ, Permission.APP_DEPLOY, Permission.APP_DESTROY}),
    "developer": frozenset({Permission.APP_READ, Permission.APP_DEPLOY}),
    "viewer": frozenset({Permission.APP_READ}),
}


def allows(role: str, permission: Permission) -> bool:
    """Whether a role in a team carries a permission. An unknown role carries none."""
    return permission in ROLES.get(role, frozenset())
