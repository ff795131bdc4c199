"""Whose images the registry still has: retention says in the records what it deletes before it does.

Both sides hold the app's lock: a number that is given out keeps retention off, and what retention has said is refused.
"""

from collections.abc import Collection
from datetime import UTC, datetime

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from loco_server.records.apps import lock_app
from loco_server.records.database import Database
from loco_server.records.deployment_rows import COMING
from loco_server.records.tables import DEPLOYMENTS
from loco_spec.errors import Conflict


class Images:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def give_up(self, app_id: str, found: Collection[str], *, kept: int) -> list[str]:
        """Say which of the images (digests) found are to be deleted; none while anything of the app is coming.

        Kept are the last `kept` different ones that served, by when they went live: the live one among them, and the
        one that a rollback goes back to by itself.
        """
        of_app = DEPLOYMENTS.c.app_id == app_id
        served = select(DEPLOYMENTS.c.digest).where(of_app, DEPLOYMENTS.c.live_at.is_not(None))
        newest = served.group_by(DEPLOYMENTS.c.digest).order_by(func.max(DEPLOYMENTS.c.live_at).desc()).limit(kept)
        async with self._database.write() as db:
            await lock_app(db, app_id)
            if await _coming(db, app_id):
                return []
            needed = set(await db.scalars(newest)) | set(await db.scalars(served.where(DEPLOYMENTS.c.state == "live")))
            unneeded = sorted(set(found) - needed)
            if unneeded:
                await db.execute(
                    update(DEPLOYMENTS)
                    .where(of_app, DEPLOYMENTS.c.digest.in_(unneeded), DEPLOYMENTS.c.image_deleted_at.is_(None))
                    .values(image_deleted_at=datetime.now(UTC))
                )
        return unneeded

    async def coming(self, app_id: str) -> bool:
        """Whether a push or a rollout of the app is under way."""
        async with self._database.read() as db:
            return await _coming(db, app_id)


async def hold(db: AsyncConnection, app_id: str, digest: str, *, seen: bool) -> None:
    """Within a transaction that has the app's lock: what is accepted stands on this image.

    `seen`: it was pushed again, and the gates have looked at it.

    Raises:
        Conflict: retention has given it up.
    """
    mine = (DEPLOYMENTS.c.app_id == app_id) & (DEPLOYMENTS.c.digest == digest)
    if seen:
        await db.execute(update(DEPLOYMENTS).where(mine).values(image_deleted_at=None))
    elif await db.scalar(select(func.count()).where(mine, DEPLOYMENTS.c.image_deleted_at.is_not(None))):
        raise Conflict("its image was deleted meanwhile; nothing was changed", hint="loco deploy")


async def _coming(db: AsyncConnection, app_id: str) -> bool:
    return bool(
        await db.scalar(select(func.count()).where(DEPLOYMENTS.c.app_id == app_id, DEPLOYMENTS.c.state.in_(COMING)))
    )
