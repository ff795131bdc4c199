"""Who is suspended, and what goes with them: a team's apps with the team, a personal team with its person."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Table, select, update

from loco_server.records.database import Database
from loco_server.records.tables import APPS, DEPLOYMENTS, TEAMS, USERS

Kind = Literal["user", "team", "app"]
OWNER = USERS.alias("owner")
"""Of a personal team."""


def reason(row: Any, prefix: str = "") -> str | None:
    """Give the reason of a suspension, from the columns that bear it; None: there is none."""
    at, found = getattr(row, f"{prefix}suspended_at"), getattr(row, f"{prefix}suspended_reason")
    return None if at is None else str(found or "no reason is given")


def columns(table: Any, prefix: str) -> Sequence[Any]:
    """The columns of a suspension, named apart."""
    return (
        table.c.suspended_at.label(f"{prefix}suspended_at"),
        table.c.suspended_reason.label(f"{prefix}suspended_reason"),
    )


@dataclass(frozen=True)
class Subject:
    """Whom an operator means."""

    kind: Kind
    id: str
    name: str
    """`ann`, `acme`, `acme/shop`."""
    suspended: str | None
    team_id: str | None = None
    """Whose events tell of it: of a person the personal one, which goes with them."""


class Suspensions:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, kind: Kind, name: str) -> Subject | None:
        """Look somebody up by the name that an operator types; an app's is `acme/shop`."""
        team, _, app = name.partition("/")
        if kind == "user":
            personal = select(TEAMS.c.id).where(TEAMS.c.personal_of == USERS.c.id).scalar_subquery()
            wanted = select(USERS, personal.label("team_id")).where(USERS.c.login == name)
        elif kind == "team":
            wanted = select(TEAMS).where(TEAMS.c.name == name)
        else:
            wanted = (
                select(APPS).join(TEAMS, TEAMS.c.id == APPS.c.team_id).where(TEAMS.c.name == team, APPS.c.name == app)
            )
        async with self._database.read() as db:
            row = (await db.execute(wanted)).first()
        if row is None:
            return None
        return Subject(kind, row.id, name, reason(row), row.id if kind == "team" else row.team_id)

    async def set(self, subject: Subject, why: str | None) -> None:
        """Suspend for a reason, or (None) resume. The pull tickets of the apps that it is about end either way."""
        table = _TABLES[subject.kind]
        now = None if why is None else datetime.now(UTC)
        async with self._database.write() as db:
            await db.execute(
                update(table).where(table.c.id == subject.id).values(suspended_at=now, suspended_reason=why)
            )
            await db.execute(update(APPS).where(_about(subject)).values(pull_generation=APPS.c.pull_generation + 1))

    async def all(self) -> list[Subject]:
        """Give everything that an operator has suspended."""
        app = (TEAMS.c.name + "/" + APPS.c.name).label("name")
        wanted: dict[Kind, Any] = {
            "user": select(USERS.c.id, USERS.c.login.label("name"), *columns(USERS, "")).order_by(USERS.c.login),
            "team": select(TEAMS.c.id, TEAMS.c.name, *columns(TEAMS, "")).order_by(TEAMS.c.name),
            "app": select(APPS.c.id, app, *columns(APPS, "")).join(TEAMS, TEAMS.c.id == APPS.c.team_id).order_by(app),
        }
        found = []
        async with self._database.read() as db:
            for kind, query in wanted.items():
                rows = await db.execute(query.where(_TABLES[kind].c.suspended_at.is_not(None)))
                found += [Subject(kind, row.id, row.name, reason(row)) for row in rows]
        return found

    async def apps(self, subject: Subject) -> list[str]:
        """Give the ids of the apps that it is about."""
        async with self._database.read() as db:
            return list((await db.execute(select(APPS.c.id).where(_about(subject)).order_by(APPS.c.id))).scalars())

    async def awaited(self, subject: Subject) -> list[tuple[str, int]]:
        """Give app id and number of the deployments that wait for an image: of its apps, or made by the user."""
        by = (DEPLOYMENTS.c.creator_id == subject.id) | DEPLOYMENTS.c.app_id.in_(
            select(APPS.c.id).where(_about(subject))
        )
        async with self._database.read() as db:
            rows = await db.execute(
                select(DEPLOYMENTS.c.app_id, DEPLOYMENTS.c.number).where(by, DEPLOYMENTS.c.state == "created")
            )
            return [(row.app_id, row.number) for row in rows]


_TABLES: dict[Kind, Table] = {"user": USERS, "team": TEAMS, "app": APPS}


def _about(subject: Subject) -> Any:
    if subject.kind == "app":
        return APPS.c.id == subject.id
    if subject.kind == "team":
        return APPS.c.team_id == subject.id
    return APPS.c.team_id.in_(select(TEAMS.c.id).where(TEAMS.c.personal_of == subject.id))
