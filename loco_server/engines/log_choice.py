"""Which of an app's instances a reader of its log asked for."""

from collections.abc import Collection
from dataclasses import replace

from loco_server.engines.base import LogQuery, NothingKeptError
from loco_spec.errors import NotFound

NAMED = 20
"""So many instances a refusal names: an app may have had hundreds."""


def chosen(query: LogQuery, known: frozenset[str], resumed: Collection[str]) -> frozenset[str]:
    """Give those of the known instances that the query is about.

    Args:
        query: what is asked.
        known: the app's instances that are there, and those of which lines are kept.
        resumed: those in the reader's position. One that is gone since is no mistake of the reader's.

    Raises:
        NotFound: the one that is asked for is none of the app's, or not of the deployment that is asked for.
        NothingKeptError: the deployment has none, and nobody waits for one.
    """
    wanted = frozenset(filter(query.wants, known))
    if wanted or any(map(query.wants, resumed)):
        return wanted
    if query.instance is not None:
        whose = query.app.app if query.deployment is None else f"v{query.deployment} of {query.app.app}"
        there = frozenset(filter(replace(query, instance=None).wants, known))
        raise NotFound(f"{whose} has no instance {query.instance!r}, live or kept", hint=_named(there))
    if query.deployment is not None and not query.follow:
        raise NothingKeptError(f"{query.app.app} has no instance of v{query.deployment}, live or kept")
    return wanted


def _named(known: frozenset[str]) -> str:
    names = sorted(known, key=_number)
    if not names:
        return "loco status: it has none"
    older = f", or {len(names) - NAMED} older" if len(names) > NAMED else ""
    return f"one of {', '.join(names[-NAMED:])}{older}"


def _number(name: str) -> tuple[int, int, str]:
    """`v2-9` stands before `v2-10`, and both before `v10-1`."""
    deployment, _, rest = name.removeprefix("v").partition("-")
    return (int(deployment) if deployment.isdecimal() else 0, len(rest), rest)
