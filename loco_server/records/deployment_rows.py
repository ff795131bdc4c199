"""A row of the deployments as the value that everybody else works with."""

from typing import Any

from sqlalchemy import Row

from loco_server.records.values import DeploymentRecord
from loco_server.units import UnitRoute
from loco_spec.errors import Diagnosis
from loco_spec.kinds.service import Service

ROLLING = ("releasing", "rolling")
UNDER_WAY = ("accepted", *ROLLING)
"""The worker's, or about to be."""
COMING = ("created", "checking", *UNDER_WAY)
"""Neither live nor over."""
AHEAD = (*UNDER_WAY, "live")
"""States in which a newer deployment makes an older one that comes late superseded, and in which a team has it."""


def record(row: Row[Any]) -> DeploymentRecord:
    return DeploymentRecord(
        app_id=row.app_id,
        number=row.number,
        state=row.state,
        action=row.action,
        spec=Service.stored(row.spec),
        routes=tuple(UnitRoute(**route) for route in row.routes),
        digest=row.digest,
        user_id=row.user_id,
        group_id=row.group_id,
        release=row.release,
        force=row.force,
        released=row.released,
        created_by=row.created_by,
        created_at=row.created_at,
        live_at=row.live_at,
        ended_at=row.ended_at,
        reason=row.reason,
        diagnosis=None if row.diagnosis is None else Diagnosis.model_validate(row.diagnosis),
        cancel_requested=row.cancel_requested,
        owner=row.owner,
        attempt=row.attempt,
        variables=dict(row.variables),
        creator_id=row.creator_id,
        ticket_sha256=row.ticket_sha256,
        ticket_expires_at=row.ticket_expires_at,
        base=row.base,
        image_deleted=row.image_deleted_at is not None,
        state_at=row.state_at,
    )
