"""How a deployment that an engine did not judge is explained. Pure."""

from loco_server.engines.base import ReleaseResult
from loco_spec.errors import Cause, Diagnosis

PHASES = {"created": "pushing", "accepted": "waiting", "rolling": "starting"}
"""What a state is called where it went wrong in it, if not by its own name."""


def diagnosis(cause: Cause, message: str, hint: str, phase: str, seconds: float) -> Diagnosis:
    return Diagnosis(phase=phase, seconds=round(seconds, 1), cause=cause, message=message, hint=hint)


def release_failed(command: tuple[str, ...], result: ReleaseResult, phase: str, seconds: float) -> Diagnosis:
    if result.exit_code is None:
        message = "the release command is gone without a recorded result; its outcome is unknown"
    else:
        message = f"the release command ended with exit code {result.exit_code}: {' '.join(command)}"
    return Diagnosis(
        phase=phase,
        seconds=round(seconds, 1),
        cause="release-failed",
        message=message,
        hint="correct it and deploy again: loco deploy",
        lines=result.lines,
    )
