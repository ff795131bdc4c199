"""Who may do what: the one readable table. Every endpoint names a permission; no permission, no endpoint."""

from enum import StrEnum


class Permission(StrEnum):
    PUBLIC = "public"
    """Anybody, signed in or not."""
    SIGNED_IN = "signed-in"
    """Any good token."""
    ACCOUNT = "account"
    """The person, by a session: no token that a machine holds."""
    APP_READ = "app:read"
    """Look at apps, deployments, events and logs."""
    APP_DEPLOY = "app:deploy"
    """Build, push, roll out, cancel, roll again."""
    APP_ENTER = "app:enter"
    """Run commands in it and reach its ports: what it can read, its variables' values too, can be read so."""
    APP_DESTROY = "app:destroy"
    """Remove an app with everything that goes with it."""
    VARIABLES_READ = "variables:read"
    """Names, who set them and when; values never come back to anybody."""
    VARIABLES_WRITE = "variables:write"
    """Set and unset them."""
    TEAM_READ = "team:read"
    """Members and invitations."""
    TEAM_LEAVE = "team:leave"
    """Leave the team oneself."""
    TEAM_MANAGE = "team:manage"
    """Invite, change roles, remove; nobody gives what they do not have."""
    TEAM_OWN = "team:own"
    """Delete the team."""
    TOKENS_MANAGE = "tokens:manage"
    """Make and revoke the team's access tokens."""
    EVENTS_READ = "events:read"
    """The audit trail: who changed what, when, and from which address."""
    POLICY_READ = "policy:read"
    """Trust rules, and from where an app may be deployed."""
    POLICY_WRITE = "policy:write"
    """Trust jobs, and say from where an app may be deployed."""


_READ = frozenset(
    {
        Permission.APP_READ,
        Permission.VARIABLES_READ,
        Permission.TEAM_READ,
        Permission.TEAM_LEAVE,
        Permission.EVENTS_READ,
        Permission.POLICY_READ,
    }
)
_DEPLOY = _READ | {Permission.APP_DEPLOY, Permission.APP_ENTER, Permission.VARIABLES_WRITE, Permission.TOKENS_MANAGE}
_ADMIN = _DEPLOY | {Permission.APP_DESTROY, Permission.TEAM_MANAGE, Permission.POLICY_WRITE}
_OWN = _ADMIN | {Permission.TEAM_OWN}

ROLES: dict[str, frozenset[Permission]] = {
    "owner": _OWN,
    "admin": _ADMIN,
    "developer": _DEPLOY,
    "viewer": _READ,
}
"""From the most to the least."""

CAN: dict[str, frozenset[Permission]] = {
    "read": frozenset({Permission.APP_READ, Permission.VARIABLES_READ, Permission.EVENTS_READ}),
    "deploy": frozenset({Permission.APP_READ, Permission.VARIABLES_READ, Permission.APP_DEPLOY}),
    "admin": _ADMIN
    - {Permission.TEAM_LEAVE, Permission.TEAM_MANAGE, Permission.TOKENS_MANAGE, Permission.POLICY_WRITE},
}
"""What a machine's token may do at the most. None of them makes tokens, invites people or trusts jobs.

A token that reads can carry the events elsewhere without a right to change anything; one that deploys stands in CI,
where nobody needs to know from which addresses people work."""


def allows(role: str, permission: Permission) -> bool:
    """Whether a role in a team carries a permission. An unknown role carries none."""
    return permission in ROLES.get(role, frozenset())


def token_allows(can: str | None, permission: Permission) -> bool:
    """Whether a token lets its holder use a permission of their role. None: a session, which holds nothing back."""
    return can is None or permission in CAN.get(can, frozenset())


def at_most(role: str, other: str) -> bool:
    """Whether a role has nothing that the other has not."""
    return ROLES.get(role, frozenset()) <= ROLES.get(other, frozenset())


def may_make(role: str, can: str) -> bool:
    """Whether somebody in that role may make a token that can do this: they have all of it themselves."""
    return can in CAN and CAN[can] <= ROLES.get(role, frozenset())
