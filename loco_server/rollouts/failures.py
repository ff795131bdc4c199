"""How a deployment that no engine judged is explained. Pure."""

from datetime import datetime

from loco_server.engines import explaining
from loco_server.engines.base import ReleaseResult
from loco_server.engines.explaining.made import made
from loco_server.records.values import DeploymentRecord
from loco_spec.errors import Cause, Diagnosis

_PHASES = {"created": "pushing", "accepted": "waiting", "rolling": "starting"}
"""What a state is called where it went wrong in it, if not by its own name."""


def phase(item: DeploymentRecord, now: datetime) -> tuple[str, float]:
    """Give in which phase it is, and for how many seconds."""
    since = item.state_at or item.created_at
    return _PHASES.get(item.state, item.state), (now - since).total_seconds()


def diagnosis(cause: Cause, message: str, hint: str, phase: str, seconds: float) -> Diagnosis:
    return explaining.timed(made(phase, cause, message, hint), seconds)


def release_failed(command: tuple[str, ...], result: ReleaseResult, seconds: float) -> Diagnosis:
    ran = ("command", " ".join(command))
    if result.exit_code is None:
        message = "the release command is gone without a recorded result; its outcome is unknown"
        hint = "see what it did (loco logs), then run `loco deploy`: it runs again"
        found = made("releasing", "release-unknown", message, hint, ran, lines=result.lines)
    else:
        message = f"the release command ended with exit code {result.exit_code}"
        hint = "correct it and deploy again: loco deploy"
        code = ("exit code", explaining.exit_words(result.exit_code))
        found = made("releasing", "release-failed", message, hint, code, ran, lines=result.lines)
    return explaining.timed(found, seconds, seconds)
