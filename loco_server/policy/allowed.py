"""Who and what is let in where the operator lists it. Pure. An empty list lets everybody and everything in."""

from collections.abc import Sequence

from loco_server.identity.base import Identity
from loco_spec import references
from loco_spec.errors import ImageRefused, NotAllowed


def user(listed: Sequence[str], identity: Identity) -> None:
    """Keep a person out who is not listed. Who can read the server's own files is its administrator, and always may.

    Raises:
        NotAllowed: with the id that the operator would have to list.
    """
    known = {f"{identity.provider}:{identity.subject}", (identity.email or "").lower()}
    if listed and identity.provider != "local" and known.isdisjoint(listed):
        raise NotAllowed(
            f"this server is for people whom its operator lists, and {identity.login} is not one of them",
            hint=f"ask the operator, with your id: {identity.provider}:{identity.subject}",
        )


def repository(listed: Sequence[str], kind: str, owner_id: str, repository_id: str, name: str) -> None:
    """Trust jobs of a repository only where it is listed, or all of its owner's are.

    Raises:
        NotAllowed: it tells nothing but what the job, or whoever adds a rule, has said.
    """
    if listed and {f"{kind}:{owner_id}", f"{kind}:{owner_id}/{repository_id}"}.isdisjoint(listed):
        raise NotAllowed(
            f"this server trusts jobs of the repositories that its operator lists, and {name} "
            f"({kind}:{owner_id}/{repository_id}) is not one of them",
            hint="ask the operator of this server",
        )


def image(listed: Sequence[str], text: str | None) -> None:
    """Refuse a reference that is not, and is not under, a listed one; None: the image is built.

    Raises:
        ImageRefused: with those that are listed.
    """
    if not listed or text is None:
        return
    found = references.parse(text)
    if not any(found.is_under(prefix) for prefix in listed):
        raise ImageRefused(
            f'image = "{text}" in loco.toml is {found.domain}/{found.path}, and this platform takes images of: '
            f"{', '.join(listed)}",
            hint="build on it instead (FROM in a Dockerfile), or ask the operator of this server",
        )
