"""What the server is told of a build or a push that failed: it keeps why, for whoever asks later. Pure."""

from loco_spec import api
from loco_spec.api import Failure, FailureFact
from loco_spec.errors import LocoError, PushFailed


def failure(error: LocoError) -> Failure:
    """Give the error as the server takes it."""
    phase: api.FailurePhase = "pushing" if isinstance(error, PushFailed) else "building"
    found = error.diagnosis
    if found is None:
        message = _fit(error.message, api.MESSAGE_MOST) or error.code
        return Failure(phase=phase, cause=error.code, message=message, hint=_fit(error.hint, api.HINT_MOST))
    if found.phase == "checking":
        phase = "checking"
    message = error.message if found.message in error.message else f"{error.message}: {found.message}"
    return Failure(
        phase=phase,
        cause=found.cause,
        message=_fit(message, api.MESSAGE_MOST) or found.cause,
        hint=_fit(found.hint or error.hint, api.HINT_MOST),
        seconds=found.seconds,
        evidence=tuple(
            FailureFact(name=_fit(fact.name, api.NAME_MOST), text=_fit(fact.text, api.TEXT_MOST))
            for fact in found.evidence[: api.LINES_MOST]
        ),
        lines=tuple(_fit(line, api.LINE_MOST) for line in found.lines[-api.LINES_MOST :]),
    )


def _fit(text: str, most: int) -> str:
    """Cut it, and take out what no JSON can carry: a path may be of bytes that are no text."""
    return text[:most].encode(errors="replace").decode()
