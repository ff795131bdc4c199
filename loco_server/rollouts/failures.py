"""How a rollout that an engine did not judge is explained. Pure."""

from loco_server.engines.base import ReleaseResult
from loco_spec.errors import Cause, Diagnosis


def diagnosis(cause: Cause, message: str, hint: str) -> Diagnosis:
    return Diagnosis(phase="starting", seconds=0, cause=cause, message=message, hint=hint)


def release_failed(command: tuple[str, ...], result: ReleaseResult) -> Diagnosis:
    if result.exit_code is None:
        message = "the release command is gone without a recorded result; its outcome is unknown"
    else:
        message = f"the release command ended with exit code {result.exit_code}: {' '.join(command)}"
    return Diagnosis(
        phase="releasing",
        seconds=0,
        cause="release-failed",
        message=message,
        hint="correct it and deploy again: loco deploy",
        lines=result.lines,
    )
