"""The records: they answer, at this version's schema."""

import asyncio
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from loco_server.check.finding import Finding, missing, ok
from loco_server.check.machine.place import Machine
from loco_server.local import folder
from loco_server.records import migrating, schema
from loco_spec.errors import LocoError

NAME = "records"


@dataclass(frozen=True)
class Records:
    where: str
    found: str | None = None
    """Their schema; None: there are none yet."""
    head: str | None = None
    """What this version needs."""
    known: bool = True
    """Whether this version knows the way from the one to the other."""
    fault: str = ""
    """Why they cannot be read."""
    fix: str = ""


def judge(records: Records, *, migrates: bool) -> Finding:
    """`migrates`: the server's next start brings them to its schema by itself."""
    where = records.where
    if records.fault:
        return missing(NAME, records.fault, records.fix)
    if records.found is None:
        return ok(NAME, f"none yet in {where}: the first start makes them")
    if not records.known:
        said = f"{where} was written by a newer loco (schema {records.found}, and this one knows {records.head})"
        return missing(NAME, said, "pip install --upgrade 'loco-deploy[server]'")
    if records.found == records.head:
        return ok(NAME, f"{where}, schema {records.found}")
    said = f"{where} has the schema {records.found}, and this loco needs {records.head}"
    if migrates:
        return ok(NAME, f"{said}: the next start migrates them, and keeps a copy")
    return missing(NAME, said, "back them up, then: loco-server migrate")


async def look(machine: Machine) -> Finding:
    found = await asyncio.to_thread(_read, machine)
    return judge(found, migrates=machine.domain is None)


def _read(machine: Machine) -> Records:
    settings = machine.settings
    if settings.database is None:
        path = settings.data_dir / "loco.db"
        if not folder.exists(settings.data_dir):
            return Records(str(path))
        try:
            found = schema.revision(settings.database_url)
        except SQLAlchemyError as e:
            return Records(
                str(path),
                fault=f"{path} cannot be read: {getattr(e, 'orig', None) or type(e).__name__}",
                fix="put a backup back: loco docs operations",
            )
        return _of(str(path), found)
    where = migrating.shown(settings.database)
    try:
        found = migrating.current(settings.database)
    except LocoError as e:
        return Records(where, fault=e.message, fix=e.hint or migrating.FORM)
    return _of(where, found)


def _of(where: str, found: str | None) -> Records:
    return Records(where, found, schema.head(), known=found is None or schema.is_known(found))
