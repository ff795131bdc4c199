"""Variables: every version of every one, sealed. A deployment pins versions; a purge takes all values of a name."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from loco_server import sealing
from loco_server.records.database import Database
from loco_server.records.deployment_rows import AHEAD
from loco_server.records.pins import newest
from loco_server.records.tables import APPS, DEPLOYMENTS
from loco_server.records.tables_access import VARIABLES
from loco_server.sealing import Keyring, Place, UnreadableError
from loco_spec.errors import Conflict


@dataclass(frozen=True)
class VariableRecord:
    """One version of one variable. The value is not among what the records hand out: `values` is for that."""

    name: str
    version: int
    action: str
    """`set`, `unset`, or `purged`: it was set once, and its value is gone for good."""
    digest: str | None
    set_by: str
    set_at: datetime


@dataclass(frozen=True)
class Changed:
    set: tuple[str, ...] = ()
    unset: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    """Set to the value that they had, or unset where they were not set: no new version."""


@dataclass(frozen=True)
class Purged:
    versions: int
    deployments: tuple[int, ...]
    """Those that served once and had the variable: they cannot come back whole."""


@dataclass(frozen=True)
class SealedRow:
    place: Place
    value: str = field(repr=False)
    key_id: str


def _record(row: Row[Any]) -> VariableRecord:
    action = "unset" if row.unset else "set" if row.value is not None else "purged"
    return VariableRecord(row.name, row.version, action, row.digest, row.set_by, row.set_at)


def _this(place: Place) -> Any:
    return (
        (VARIABLES.c.app_id == place.app_id) & (VARIABLES.c.name == place.name) & (VARIABLES.c.version == place.version)
    )


class Variables:
    def __init__(self, database: Database, keyring: Keyring, *, digest_key: bytes) -> None:
        self._database = database
        self._keyring = keyring
        self._digest_key = digest_key

    async def change(
        self,
        app_id: str,
        values: Mapping[str, str],
        unset: Collection[str],
        *,
        by: str,
        check: Callable[[int], None] = lambda _total: None,
    ) -> Changed:
        """Set and unset several at once, or none of them.

        Args:
            app_id: whose they are.
            values: by name.
            unset: names.
            by: who wants it.
            check: is told how many bytes names and values would have in all, and may raise.

        Raises:
            Conflict: the app is gone, or going.
        """
        now = datetime.now(UTC)
        async with self._database.write() as db:
            await _hold(db, app_id)
            before = {row.name: row for row in await db.execute(newest(app_id))}
            fresh = {name: value for name, value in values.items() if not self._is(app_id, before.get(name), value)}
            gone = [name for name in unset if name in before and before[name].value is not None]
            left = {name: sealing.size(row.value) for name, row in before.items() if row.value is not None}
            left |= {name: len(value.encode()) for name, value in values.items()}
            check(sum(len(name) + size for name, size in left.items() if name not in gone))
            rows = [self._row(app_id, name, before.get(name), value) for name, value in fresh.items()]
            rows += [self._row(app_id, name, before[name], None) for name in gone]
            if rows:
                await db.execute(insert(VARIABLES), [{**row, "set_by": by, "set_at": now} for row in rows])
        same = (set(values) | set(unset)) - set(fresh) - set(gone)
        return Changed(tuple(sorted(fresh)), tuple(sorted(gone)), tuple(sorted(same)))

    async def newest(self, app_id: str) -> list[VariableRecord]:
        """Give the newest version of each variable, by name; also of those that are unset."""
        async with self._database.read() as db:
            return [_record(row) for row in await db.execute(newest(app_id))]

    async def history(self, app_id: str, name: str | None = None) -> list[VariableRecord]:
        """Give all versions, the newest first."""
        found = select(VARIABLES).where(VARIABLES.c.app_id == app_id)
        if name is not None:
            found = found.where(VARIABLES.c.name == name)
        async with self._database.read() as db:
            rows = await db.execute(
                found.order_by(VARIABLES.c.set_at.desc(), VARIABLES.c.name, VARIABLES.c.version.desc())
            )
            return [_record(row) for row in rows]

    async def digests(self, app_id: str) -> dict[tuple[str, int], str | None]:
        """Give the digest of each version of each variable; None where there is no value, or none any more."""
        wanted = select(VARIABLES.c.name, VARIABLES.c.version, VARIABLES.c.digest).where(VARIABLES.c.app_id == app_id)
        async with self._database.read() as db:
            return {(row.name, row.version): row.digest for row in await db.execute(wanted)}

    async def values(self, app_id: str, pins: Mapping[str, int]) -> dict[str, str]:
        """Open the values of a deployment, for its containers. Nobody else asks for them.

        Raises:
            UnreadableError: one of them was purged, or cannot be opened.
        """
        if not pins:
            return {}
        async with self._database.read() as db:
            rows = await db.execute(
                select(VARIABLES.c.name, VARIABLES.c.version, VARIABLES.c.value).where(
                    VARIABLES.c.app_id == app_id, VARIABLES.c.value.is_not(None)
                )
            )
            sealed = {row.name: row.value for row in rows if pins.get(row.name) == row.version}
        missing = sorted(set(pins) - set(sealed))
        if missing:
            raise UnreadableError(f"the value of {', '.join(missing)} is gone: it was purged")
        return {name: self._keyring.open(Place(app_id, name, pins[name]), text) for name, text in sealed.items()}

    async def purge(self, app_id: str, name: str) -> Purged:
        """Take the values of all versions of a variable away. That there were versions stays.

        Raises:
            Conflict: a deployment that serves, or is about to, has it.
        """
        async with self._database.write() as db:
            await _hold(db, app_id)
            served: list[int] = []
            for row in await db.execute(
                select(DEPLOYMENTS.c.number, DEPLOYMENTS.c.state, DEPLOYMENTS.c.variables, DEPLOYMENTS.c.live_at).where(
                    DEPLOYMENTS.c.app_id == app_id
                )
            ):
                if name in row.variables and row.state in AHEAD:
                    raise Conflict(
                        f"v{row.number} is {row.state} and has {name}; it must be unset there first",
                        hint=f"loco variables unset {name} --purge",
                    )
                if name in row.variables and row.live_at is not None:
                    served.append(row.number)
            done = await db.execute(
                update(VARIABLES)
                .where(VARIABLES.c.app_id == app_id, VARIABLES.c.name == name, VARIABLES.c.value.is_not(None))
                .values(value=None, key_id=None, digest=None)
            )
        return Purged(versions=done.rowcount, deployments=tuple(sorted(served)))

    # --- keys ---------------------------------------------------------------------------------------------------

    async def samples(self, *, each: int = 5) -> dict[str, list[SealedRow]]:
        """Give some sealed values of each key that is in use, by the key's id."""
        async with self._database.read() as db:
            ids = list(await db.scalars(select(VARIABLES.c.key_id).where(VARIABLES.c.key_id.is_not(None)).distinct()))
            found = {}
            for key_id in ids:
                rows = await db.execute(select(VARIABLES).where(VARIABLES.c.key_id == key_id).limit(each))
                found[str(key_id)] = [_sealed(row) for row in rows]
        return found

    async def not_sealed_with(self, key_id: str, *, limit: int) -> list[SealedRow]:
        """Give some of the values that another key seals.

        Asked within a transaction that writes: whoever seals does so too, so that none given out means none left.
        """
        async with self._database.write() as db:
            await _lock(db, "SHARE")
            rows = await db.execute(select(VARIABLES).where(VARIABLES.c.key_id != key_id).limit(limit))
            return [_sealed(row) for row in rows]

    async def count_not_sealed_with(self, key_id: str) -> int:
        async with self._database.read() as db:
            return await db.scalar(select(func.count()).select_from(VARIABLES).where(VARIABLES.c.key_id != key_id)) or 0

    async def seal_again(self, rows: Sequence[SealedRow]) -> None:
        """Seal values with the first key, those that are still as they were given out: a purge meanwhile stays one.

        Raises:
            UnreadableError: one of them cannot be opened; none of them was changed.
        """
        again = []
        for row in rows:  # before the transaction, which keeps others waiting
            text, key_id = self._keyring.seal(row.place, self._keyring.open(row.place, row.value))
            again.append((row, text, key_id))
        async with self._database.write() as db:
            for row, text, key_id in again:
                await db.execute(
                    update(VARIABLES)
                    .where(_this(row.place), VARIABLES.c.value == row.value)
                    .values(value=text, key_id=key_id)
                )

    def _is(self, app_id: str, row: Row[Any] | None, value: str) -> bool:
        """Whether a variable has this value already."""
        if row is None or row.value is None:
            return False
        try:
            return self._keyring.open(Place(app_id, row.name, row.version), row.value) == value
        except UnreadableError:
            return False  # then it is high time for a new version

    def _row(self, app_id: str, name: str, before: Row[Any] | None, value: str | None) -> dict[str, Any]:
        place = Place(app_id, name, 1 if before is None else before.version + 1)
        text, key_id = (None, None) if value is None else self._keyring.seal(place, value)
        return {
            "app_id": app_id,
            "name": name,
            "version": place.version,
            "value": text,
            "key_id": key_id,
            "digest": None if value is None else sealing.digest(self._digest_key, app_id, name, value),
            "unset": value is None,
        }


def _sealed(row: Row[Any]) -> SealedRow:
    return SealedRow(Place(row.app_id, row.name, row.version), row.value, row.key_id)


async def _hold(db: AsyncConnection, app_id: str) -> None:
    """Within a transaction: one change of an app's variables after the other."""
    await _lock(db, "ROW EXCLUSIVE")
    row = (
        await db.execute(select(APPS.c.name, APPS.c.destroying_at).where(APPS.c.id == app_id).with_for_update())
    ).first()
    if row is None or row.destroying_at is not None:
        raise Conflict("the app is being destroyed; wait a moment", hint="loco apps")


async def _lock(db: AsyncConnection, mode: str) -> None:
    """PostgreSQL: who seals and the rotation that looks for what is left exclude each other. SQLite has one writer."""
    if db.dialect.name == "postgresql":
        await db.execute(text(f"LOCK TABLE variables IN {mode} MODE"))
