"""Push a built image through the registry gateway, and know under which digest it arrived."""

import time
from collections.abc import Callable

from loco_cli.build.engine import Engine
from loco_spec.api import PushTicket
from loco_spec.errors import PushFailed
from loco_spec.values import human_bytes

ATTEMPTS = 4
ENGINE_RETRIED_SECONDS = 20.0
"""The engine tries a cut layer five times by itself, over 50 s: whoever saw that does not begin anew."""
_CUT = ("eof", "connection reset", "broken pipe", "connection refused", "timeout", "503", "unavailable", "closed")
"""In the engine's words for what may pass: it gives no code."""


def push(engine: Engine, image: str, ticket: PushTicket, say: Callable[[str], None]) -> str:
    """Push and give the manifest's digest. The engine's own copy of the tag goes again.

    Raises:
        PushFailed: with the registry's answer.
        EngineUnavailable: the engine went away.
    """
    repository = f"{ticket.registry}/{ticket.repository}"
    engine.tag(image, repository, ticket.tag)
    try:
        for attempt in range(1, ATTEMPTS + 1):
            started = time.monotonic()
            digest, error = _once(engine, repository, ticket, say)
            if digest:
                return digest
            tried_enough = attempt == ATTEMPTS or time.monotonic() - started > ENGINE_RETRIED_SECONDS
            if tried_enough or not any(word in error.lower() for word in _CUT):
                break
            say(f"the push was cut ({error[:80]}); trying again")
            time.sleep(2.0**attempt / 2)
    finally:
        engine.untag(f"{repository}:{ticket.tag}")
    raise PushFailed(
        f"the push to {ticket.registry} failed: {error[:500]}", hint="loco deploy (layers already there are kept)"
    )


def _once(engine: Engine, repository: str, ticket: PushTicket, say: Callable[[str], None]) -> tuple[str, str]:
    """Give digest or error."""
    totals: dict[str, tuple[int, int]] = {}
    digest, error = "", "the engine gave no digest"
    records = engine.push(repository, ticket.tag, username=ticket.username, password=ticket.password)
    for record in records:
        if "error" in record:
            error = str(record["error"])
            digest = ""
            break
        digest = str((record.get("aux") or {}).get("Digest", digest))
        detail = record.get("progressDetail") or {}
        if record.get("status") == "Pushing" and detail.get("current"):
            totals[str(record.get("id"))] = (int(detail["current"]), int(detail.get("total") or detail["current"]))
            sent, total = (sum(values) for values in zip(*totals.values(), strict=True))
            say(f"pushing {human_bytes(sent)} of {human_bytes(max(sent, total))}")
    return digest, error
