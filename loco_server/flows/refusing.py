"""A deployment that is refused before its rollout ends as failed, with a diagnosis like any other."""

import time

from loco_server.engines.explaining.made import made, timed
from loco_server.records.deployments import Deployments
from loco_spec.api import Failure
from loco_spec.errors import Cause, Diagnosis, Fact, LocoError


async def refuse(
    deployments: Deployments,
    app_id: str,
    number: int,
    error: LocoError,
    cause: Cause,
    *,
    began: float | None = None,
    of: str = "checking",
) -> LocoError:
    """End it; give the error to raise. `cause`: where the error has none; `began`: when the checks did, monotonic."""
    found = error.diagnosis or made("checking", cause, error.message, error.hint)
    error.diagnosis = timed(found, 0 if began is None else time.monotonic() - began)
    await deployments.move(app_id, number, "failed", of=(of,), message=error.message, diagnosis=error.diagnosis)
    return error


def told(failure: Failure) -> Diagnosis:
    """Give what a client found before there was an image, as a diagnosis like any other."""
    return Diagnosis(
        phase=failure.phase,
        seconds=round(failure.seconds, 1),
        cause=failure.cause,
        message=failure.message,
        hint=failure.hint,
        evidence=tuple(Fact(name=fact.name, text=fact.text) for fact in failure.evidence),
        lines=failure.lines,
    )
