"""Push an image through the registry gateway, and know under which digest it arrived.

What arrived stays: each attempt asks for every layer first, and sends only those that are not there.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from loco_cli.build.engine import Engine
from loco_cli.build.transfer import Transfer, fault
from loco_spec.api import PushTicket
from loco_spec.errors import PushFailed, RegistryUnreachable

ATTEMPTS = 4
"""So many in a row without one more layer arrived."""
REACH_PAUSES = (0.5, 1.0, 2.0)
"""Seconds: a gateway that ended is there again within two."""
_PASSING = re.compile(
    r"\b(eof|connection reset|broken pipe|connection refused|time-?out|timed out|no such host|name resolution"
    r"|unreachable|no route|unavailable|closed network connection|server closed|unexpected end|429|50[0-4])\b"
    # A token that was good when the request was made out and too old when it arrived: the next attempt buys another.
    r"|authentication required",
    re.IGNORECASE,
)
"""In the engine's words for what may pass: it gives no code."""
_UNASKED = "authentication required"
"""An engine that began while the server was away has asked for no token, however often it tried a layer."""
_ENDED = "the ticket is wrong, or it has ended"


@dataclass(frozen=True)
class Pushed:
    digest: str
    """The manifest's."""
    summary: str
    """`1.2 MB, 1 of 4 layers new`."""


def reach(
    engine: Engine, ticket: PushTicket, *, working: Callable[[str], None], pause: Callable[[float], None] = time.sleep
) -> None:
    """See that the engine reaches the registry, before anything is built for it.

    Raises:
        RegistryUnreachable: it does not, nor a moment later.
        EngineUnavailable: the engine went away.
    """
    for seconds in (*REACH_PAUSES, None):
        try:
            engine.reach(ticket.registry, username=ticket.username, password=ticket.password)
        except RegistryUnreachable as e:
            if seconds is None or not _PASSING.search(e.message):
                raise
            working("the engine does not reach the registry; trying again")
            pause(seconds)
        else:
            return


def push(
    engine: Engine,
    image: str,
    ticket: PushTicket,
    *,
    say: Callable[[str], None],
    working: Callable[[str], None],
    pause: Callable[[float], None] = time.sleep,
) -> Pushed:
    """Push; the engine's own copy of the tag goes again.

    Raises:
        PushFailed: with the registry's answer.
        EngineUnavailable: the engine went away.
    """
    repository = f"{ticket.registry}/{ticket.repository}"
    transfer = Transfer()
    engine.tag(image, repository, ticket.tag)
    try:
        left = ATTEMPTS
        while True:
            arrived = transfer.finished
            transfer.again()
            digest, error = _once(engine, repository, ticket, transfer, working)
            if digest:
                return Pushed(digest, transfer.result())
            left = ATTEMPTS - 1 if transfer.finished > arrived else left - 1
            # The engine tries a cut layer five times by itself, over 50 s: whoever saw that does not begin anew.
            gave_up = transfer.gave_up and _UNASKED not in error
            if not left or gave_up or not _PASSING.search(error):
                raise _failed(ticket, error)
            say(f"the push was cut ({error[:120]}); trying again, what arrived stays")
            pause(2.0 ** (ATTEMPTS - left - 1))
    finally:
        engine.untag(f"{repository}:{ticket.tag}")


def _once(
    engine: Engine, repository: str, ticket: PushTicket, transfer: Transfer, working: Callable[[str], None]
) -> tuple[str, str]:
    """Give digest or error."""
    digest = ""
    for record in engine.push(repository, ticket.tag, username=ticket.username, password=ticket.password):
        error = fault(record)
        if error:
            return "", error
        digest = str((record.get("aux") or {}).get("Digest") or digest)
        transfer.read(record)
        working(f"pushing {transfer.now()}")
    return digest, "the engine gave no digest"


def _failed(ticket: PushTicket, error: str) -> PushFailed:
    if _ENDED in error:
        return PushFailed(
            f"{ticket.tag} takes no image any more: it was cancelled, or nothing was heard of its push for too long",
            hint="loco status, then: loco deploy",
        )
    return PushFailed(
        f"the push to {ticket.registry} failed: {error[:500]}", hint="loco deploy (layers already there are kept)"
    )
