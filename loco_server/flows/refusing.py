"""A deployment that is refused before its rollout ends as failed, with a diagnosis like any other."""

import time

from loco_server.records.deployments import Deployments
from loco_spec.errors import Cause, Diagnosis, LocoError


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
    seconds = 0 if began is None else round(time.monotonic() - began, 1)
    found = error.diagnosis or Diagnosis(
        phase="checking", seconds=0, cause=cause, message=error.message, hint=error.hint
    )
    error.diagnosis = found.model_copy(update={"seconds": seconds})
    await deployments.move(app_id, number, "failed", of=(of,), message=error.message, diagnosis=error.diagnosis)
    return error
