"""What the installation knows of itself."""

from sqlalchemy import delete, insert, select

from loco_server.records.database import Database
from loco_server.records.tables import FACTS
from loco_spec import names


class Facts:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def installation(self) -> str:
        """Give the installation's id, made at the first call: it marks everything that loco makes on an engine."""
        async with self._database.write() as db:
            found = await db.scalar(select(FACTS.c.value).where(FACTS.c.name == "installation"))
            if found is None:
                found = names.new_id()
                await db.execute(insert(FACTS).values(name="installation", value=found))
            return str(found)

    async def has_garbage(self) -> bool:
        """Whether the registry was told to forget images whose space has not been given back since."""
        async with self._database.read() as db:
            return await db.scalar(select(FACTS.c.value).where(FACTS.c.name == "garbage")) is not None

    async def set_garbage(self, *, there: bool) -> None:
        async with self._database.write() as db:
            await db.execute(delete(FACTS).where(FACTS.c.name == "garbage"))
            if there:
                await db.execute(insert(FACTS).values(name="garbage", value="1"))
