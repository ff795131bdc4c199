"""Who may have an account. Pure. Whoever has one already is not asked again."""

from loco_server.identity.base import Identity
from loco_server.identity_settings import SignUp


def refusal(policy: SignUp, identity: Identity, *, invited: bool) -> str | None:
    """Say why a newcomer may not sign up; None: they may.

    Who signs in by the server's own files is its administrator, and needs nobody's leave.
    """
    if invited or identity.provider == "local" or policy.mode == "open":
        return None
    if policy.mode == "domain":
        if identity.domain in policy.domains:
            return None
        return f"this server is for people of {_listed(policy.domains)}, by an e-mail address that is verified"
    if policy.mode == "organization":
        if identity.organizations & set(policy.organizations):
            return None
        return f"this server is for members of {_listed(policy.organizations)} on GitHub"
    return "this server is for people who are invited"


def _listed(names: tuple[str, ...]) -> str:
    return " or ".join(names)
