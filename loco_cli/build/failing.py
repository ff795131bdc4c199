"""What the server is told of a build or a push that failed: it keeps why, for whoever asks later. Pure."""

from typing import Literal

from loco_spec.api import Failure, FailureFact
from loco_spec.errors import LocoError, PushFailed

Phase = Literal["building", "checking", "pushing"]
_MESSAGE, _HINT, _NAME, _TEXT, _LINE = 2000, 1000, 100, 1000, 2000
_LINES = 20


def failure(error: LocoError) -> Failure:
    """Give the error as the server takes it."""
    phase: Phase = "pushing" if isinstance(error, PushFailed) else "building"
    found = error.diagnosis
    if found is None:
        message = _fit(error.message, _MESSAGE) or error.code
        return Failure(phase=phase, cause=error.code, message=message, hint=_fit(error.hint, _HINT))
    if found.phase == "checking":
        phase = "checking"
    message = error.message if found.message in error.message else f"{error.message}: {found.message}"
    return Failure(
        phase=phase,
        cause=found.cause,
        message=_fit(message, _MESSAGE) or found.cause,
        hint=_fit(found.hint or error.hint, _HINT),
        seconds=found.seconds,
        evidence=tuple(
            FailureFact(name=_fit(fact.name, _NAME), text=_fit(fact.text, _TEXT)) for fact in found.evidence[:_LINES]
        ),
        lines=tuple(_fit(line, _LINE) for line in found.lines[-_LINES:]),
    )


def _fit(text: str, most: int) -> str:
    """Cut it, and take out what no JSON can carry: a path may be of bytes that are no text."""
    return text[:most].encode(errors="replace").decode()
