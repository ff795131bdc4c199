"""Which version of each variable a deployment has: the newest that is set, or those of one before it."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from loco_server.records.tables_access import VARIABLES


class ValuePurgedError(Exception):
    """Variables have no values any more."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(", ".join(names))
        self.names = names


def newest(app_id: str) -> Any:
    """Select the newest version of each of the app's variables, also of those that are unset."""
    last = (
        select(VARIABLES.c.name, func.max(VARIABLES.c.version).label("version"))
        .where(VARIABLES.c.app_id == app_id)
        .group_by(VARIABLES.c.name)
        .subquery()
    )
    return (
        select(VARIABLES)
        .join(last, (VARIABLES.c.name == last.c.name) & (VARIABLES.c.version == last.c.version))
        .where(VARIABLES.c.app_id == app_id)
        .order_by(VARIABLES.c.name)
    )


async def newest_pins(db: AsyncConnection, app_id: str) -> dict[str, int]:
    """Give the version of each variable that is set now."""
    rows = await db.execute(newest(app_id))
    return {row.name: row.version for row in rows if row.value is not None}


async def pinned(db: AsyncConnection, app_id: str, pins: Mapping[str, int] | None) -> dict[str, int]:
    """Give the versions that a deployment has: these, where all of them still have values; None: the newest.

    Within a transaction that has the app's lock, which a purge takes too.

    Raises:
        ValuePurgedError: some of them have none any more.
    """
    if pins is None:
        return await newest_pins(db, app_id)
    kept = await db.execute(
        select(VARIABLES.c.name, VARIABLES.c.version).where(
            VARIABLES.c.app_id == app_id, VARIABLES.c.name.in_(pins), VARIABLES.c.value.is_not(None)
        )
    )
    gone = pins.items() - {(row.name, row.version) for row in kept}
    if gone:
        raise ValuePurgedError(sorted(name for name, _ in gone))
    return dict(pins)
