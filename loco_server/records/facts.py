"""What the installation knows of itself."""

from sqlalchemy import delete, insert, select

from loco_server.records.database import Database, insert_missing
from loco_server.records.tables import FACTS
from loco_spec import names


class Facts:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def installation(self) -> str:
        """Give the installation's id, made at the first call: it marks everything that loco makes on an engine."""
        async with self._database.write() as db:
            await insert_missing(db, FACTS, name="installation", value=names.new_id())
            return str(await db.scalar(select(FACTS.c.value).where(FACTS.c.name == "installation")))

    async def garbage(self) -> str | None:
        """Give the mark of the newest deletion from the registry whose space has not been given back; None: all has."""
        async with self._database.read() as db:
            found = await db.scalar(select(FACTS.c.value).where(FACTS.c.name == "garbage"))
        return None if found is None else str(found)

    async def add_garbage(self) -> None:
        """Before images are deleted: there will be something to collect."""
        async with self._database.write(alone="garbage") as db:
            await db.execute(delete(FACTS).where(FACTS.c.name == "garbage"))
            await db.execute(insert(FACTS).values(name="garbage", value=names.new_id()))

    async def clear_garbage(self, mark: str) -> None:
        """After a collection that began when `mark` was the newest: what was deleted since is for the next one."""
        async with self._database.write() as db:
            await db.execute(delete(FACTS).where(FACTS.c.name == "garbage", FACTS.c.value == mark))
