"""Which of an app's instances a reader of its log asked for."""

from collections.abc import Collection

from loco_server.engines.base import LogQuery
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
        NotFound: the one that is asked for is none of the app's.
    """
    if query.instance is None:
        return known
    if query.instance not in known and query.instance not in resumed:
        raise NotFound(f"{query.app.app} has no instance {query.instance!r}, live or kept", hint=_named(known))
    return known & {query.instance}


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
