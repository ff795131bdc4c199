"""A deployment that is refused before its rollout ends as failed, with a diagnosis like any other."""

import time

from loco_server.engines.explaining.made import made, timed
from loco_server.records.deployments import Deployments
from loco_spec.errors import Cause, LocoError


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
