"""Which version of each variable a deployment would have: the newest that is set."""

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from loco_server.records.tables_access import VARIABLES


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
