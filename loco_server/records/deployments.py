"""Deployments: numbered attempts and their states. Every change of state writes its event in the same transaction."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from loco_server.records.apps import claim_routes, lock_app
from loco_server.records.change import tell
from loco_server.records.database import Database
from loco_server.records.deployment_rows import AHEAD, ROLLING, record
from loco_server.records.events import append_event
from loco_server.records.images import hold
from loco_server.records.pins import newest_pins, pinned
from loco_server.records.quotas import Judge, judged, lock_team
from loco_server.records.tables import APPS, DEPLOYMENTS, TEAMS
from loco_server.records.values import AppRecord, DeploymentRecord
from loco_server.records.wake import Wake
from loco_server.units import UnitRoute
from loco_spec.app import SCHEMA
from loco_spec.errors import Conflict, Diagnosis
from loco_spec.events import ENDED
from loco_spec.kinds.service import Service


def this(app_id: str, number: int) -> Any:
    return (DEPLOYMENTS.c.app_id == app_id) & (DEPLOYMENTS.c.number == number)


class Deployments:
    def __init__(self, database: Database, wake: Wake) -> None:
        self._database = database
        self.wake = wake

    async def create(
        self,
        app: AppRecord,
        spec: Service,
        routes: Sequence[UnitRoute],
        *,
        action: str,
        created_by: str,
        creator_id: str | None = None,
        release: bool = False,
        force: bool = False,
        ticket_sha256: str | None = None,
        ticket_expires_at: datetime | None = None,
        digest: str | None = None,
        user_id: int | None = None,
        group_id: int | None = None,
        base: int | None = None,
        judge: Judge | None = None,
    ) -> DeploymentRecord:
        """Give out the app's next number, unless `judge` raises. With an image (digest) it is still `created`.

        Raises:
            Conflict: the app is being destroyed.
        """
        async with self._database.write() as db:
            await judged(db, app, judge)
            number = await db.scalar(
                update(APPS)
                .where(APPS.c.id == app.id, APPS.c.destroying_at.is_(None))
                .values(last_number=APPS.c.last_number + 1)
                .returning(APPS.c.last_number)
            )
            if number is None:
                raise Conflict(f"{app.name} is being destroyed; wait a moment", hint="loco apps")
            await db.execute(
                insert(DEPLOYMENTS).values(
                    app_id=app.id,
                    number=number,
                    state="created",
                    action=action,
                    schema=SCHEMA,
                    spec=spec.model_dump(mode="json"),
                    routes=[asdict(route) for route in routes],
                    digest=digest,
                    user_id=user_id,
                    group_id=group_id,
                    release=release,
                    force=force,
                    released=False,
                    created_by=created_by,
                    creator_id=creator_id,
                    reason=None,
                    diagnosis=None,
                    ticket_sha256=ticket_sha256,
                    ticket_expires_at=ticket_expires_at,
                    cancel_requested=False,
                    owner=None,
                    attempt=0,
                    last_event=0,
                    base=base,
                    created_at=datetime.now(UTC),
                    live_at=None,
                    ended_at=None,
                )
            )
            tell(subject=f"{app.name} v{number}")
            text = f"v{number} created by {created_by}{f', to go back to v{base}' if action == 'rollback' else ''}"
            await append_event(db, app.id, number, "state", text, {"state": "created"})
        self.wake.all()
        found = await self.get(app.id, number)
        if found is None:
            raise LookupError(f"v{number} went away while it was made")
        return found

    async def get(self, app_id: str, number: int) -> DeploymentRecord | None:
        async with self._database.look() as db:
            row = (await db.execute(select(DEPLOYMENTS).where(this(app_id, number)))).first()
        return None if row is None else record(row)

    async def of_app(self, app_id: str, *, limit: int = 50) -> list[DeploymentRecord]:
        """Newest first."""
        async with self._database.look() as db:
            rows = await db.execute(
                select(DEPLOYMENTS)
                .where(DEPLOYMENTS.c.app_id == app_id)
                .order_by(DEPLOYMENTS.c.number.desc())
                .limit(limit)
            )
            return [record(row) for row in rows]

    async def of_app_in(self, app_id: str, states: Iterable[str]) -> list[DeploymentRecord]:
        """Give all of the app's deployments in these states, however old."""
        wanted = select(DEPLOYMENTS).where(DEPLOYMENTS.c.app_id == app_id, DEPLOYMENTS.c.state.in_(tuple(states)))
        async with self._database.look() as db:
            return [record(row) for row in await db.execute(wanted.order_by(DEPLOYMENTS.c.number))]

    async def in_state(self, *states: str) -> list[DeploymentRecord]:
        async with self._database.look() as db:
            rows = await db.execute(
                select(DEPLOYMENTS).where(DEPLOYMENTS.c.state.in_(states)).order_by(DEPLOYMENTS.c.number)
            )
            return [record(row) for row in rows]

    async def not_open(self) -> list[tuple[str, int]]:
        """Give app id and number of all deployments that take no image any more."""
        async with self._database.look() as db:
            rows = await db.execute(
                select(DEPLOYMENTS.c.app_id, DEPLOYMENTS.c.number).where(DEPLOYMENTS.c.state != "created")
            )
            return [(row.app_id, row.number) for row in rows]

    async def live(self, app_id: str) -> DeploymentRecord | None:
        async with self._database.look() as db:
            wanted = select(DEPLOYMENTS).where(DEPLOYMENTS.c.app_id == app_id, DEPLOYMENTS.c.state == "live")
            row = (await db.execute(wanted)).first()
        return None if row is None else record(row)

    async def newest_ahead(self, app_id: str) -> DeploymentRecord | None:
        """The newest that is live or about to be: what a new number without an image of its own stands on."""
        async with self._database.look() as db:
            row = (await db.execute(_newest_ahead(app_id))).first()
        return None if row is None else record(row)

    async def pins(self, app_id: str) -> dict[str, int]:
        """The version of each variable that the next deployment gets."""
        async with self._database.look() as db:
            return await newest_pins(db, app_id)

    async def live_of_team(self, team_id: str) -> dict[str, DeploymentRecord]:
        """The live deployments of a team's apps, by the app's name."""
        async with self._database.look() as db:
            rows = await db.execute(
                select(DEPLOYMENTS, APPS.c.name)
                .join(APPS, APPS.c.id == DEPLOYMENTS.c.app_id)
                .join(TEAMS, TEAMS.c.id == APPS.c.team_id)
                .where(APPS.c.team_id == team_id, DEPLOYMENTS.c.state == "live")
            )
            return {row.name: record(row) for row in rows}

    async def served(self, app_id: str, *, limit: int) -> list[DeploymentRecord]:
        """The newest deployments that have been live, newest first."""
        async with self._database.look() as db:
            rows = await db.execute(
                select(DEPLOYMENTS)
                .where(DEPLOYMENTS.c.app_id == app_id, DEPLOYMENTS.c.live_at.is_not(None))
                .order_by(DEPLOYMENTS.c.number.desc())
                .limit(limit)
            )
            return [record(row) for row in rows]

    async def move(
        self,
        app_id: str,
        number: int,
        to: str,
        *,
        of: Iterable[str],
        message: str,
        owner: str | None = None,
        attempt: int | None = None,
        diagnosis: Diagnosis | None = None,
        **values: Any,
    ) -> bool:
        """Change the state, if it is one of `of` and (when given) the claim is still ours; False when it is not."""
        changes: dict[str, Any] = {"state": to, **values}
        if to in ENDED:
            changes.setdefault("ended_at", datetime.now(UTC))
        if to in {"failed", "cancelled", "expired", "superseded"}:
            changes["reason"] = message
        if diagnosis is not None:
            changes["diagnosis"] = diagnosis.model_dump(mode="json")
        async with self._database.write() as db:
            found = (
                update(DEPLOYMENTS).where(this(app_id, number), DEPLOYMENTS.c.state.in_(tuple(of))).values(**changes)
            )
            if owner is not None:
                found = found.where(DEPLOYMENTS.c.owner == owner, DEPLOYMENTS.c.attempt == attempt)
            if (await db.execute(found)).rowcount == 0:
                return False
            if diagnosis is not None:
                await append_event(
                    db, app_id, number, "diagnosis", diagnosis.message, diagnosis.model_dump(mode="json")
                )
            await append_event(db, app_id, number, "state", message, {"state": to})
        self.wake.all()
        return True

    async def prolong(self, app_id: str, number: int, until: datetime) -> None:
        """Let the push ticket of a deployment that waits for its image live longer."""
        async with self._database.write() as db:
            await db.execute(
                update(DEPLOYMENTS)
                .where(this(app_id, number), DEPLOYMENTS.c.state == "created")
                .values(ticket_expires_at=until)
            )

    async def accept(
        self,
        app: AppRecord,
        number: int,
        *,
        digest: str,
        user_id: int | None,
        group_id: int | None = None,
        of: str = "checking",
        ahead: int | None = None,
        variables: Mapping[str, int] | None = None,
        judge: Judge | None = None,
    ) -> str:
        """Let the image through to the worker, with the newest variables or these versions; give the new state.

        Superseded when a newer deployment is ahead. Where what it stands on (`ahead`) is not the newest ahead any
        more, it ends as `cancelled`: what came in between would be undone. What `judge` raises leaves the
        state as it was: nobody else adds to what the team has meanwhile.

        Raises:
            RouteTakenError: one of its routes is somebody else's by now; the state is as it was.
            ValuePurgedError: likewise, of a variable.
            Conflict: likewise, where its image was deleted.
        """
        async with self._database.write() as db:
            await lock_team(db, app.team_id)
            await lock_app(db, app.id)
            mine_alone = select(DEPLOYMENTS).where(this(app.id, number)).with_for_update(key_share=True)
            row = (await db.execute(mine_alone)).first()
            if row is None or row.state != of:
                return "" if row is None else str(row.state)
            mine = record(row)
            if ahead is not None:
                found = (await db.execute(_newest_ahead(app.id))).first()
                if found is None or found.number != ahead:
                    await end(db, app.id, number, "cancelled", f"v{ahead} is not the newest any more")
                    return "cancelled"
            newer = (
                await db.execute(
                    select(DEPLOYMENTS.c.number, DEPLOYMENTS.c.created_by)
                    .where(
                        DEPLOYMENTS.c.app_id == app.id,
                        DEPLOYMENTS.c.number > number,
                        DEPLOYMENTS.c.state.in_(AHEAD),
                    )
                    .order_by(DEPLOYMENTS.c.number.desc())
                )
            ).first()
            if newer is not None:
                message = f"v{newer.number} by {newer.created_by} is newer; nothing was changed"
                await end(db, app.id, number, "superseded", message)
                state = "superseded"
            else:
                await judged(db, app, judge)
                older = await db.execute(
                    select(DEPLOYMENTS.c.number)
                    .where(
                        DEPLOYMENTS.c.app_id == app.id,
                        DEPLOYMENTS.c.number < number,
                        DEPLOYMENTS.c.state == "accepted",
                    )
                    .with_for_update(key_share=True)  # a worker that has just begun one keeps it
                )
                for waiting in list(older.scalars()):
                    text = f"v{number} by {mine.created_by} is newer; nothing was changed"
                    await end(db, app.id, waiting, "superseded", text)
                await claim_routes(db, app.id, app.team_id, mine.routes)
                await hold(db, app.id, digest, seen=of == "checking")
                await db.execute(
                    update(DEPLOYMENTS)
                    .where(this(app.id, number))
                    .values(
                        state="accepted",
                        digest=digest,
                        user_id=user_id,
                        group_id=group_id,
                        variables=await pinned(db, app.id, variables),
                    )
                )
                await append_event(db, app.id, number, "state", "the image was accepted", {"state": "accepted"})
                state = "accepted"
        self.wake.all()
        return state

    async def request_cancel(self, app_id: str, number: int) -> bool:
        """Ask the worker to stop a rollout that it owns."""
        async with self._database.write() as db:
            found = await db.execute(
                update(DEPLOYMENTS)
                .where(this(app_id, number), DEPLOYMENTS.c.state.in_(ROLLING))
                .values(cancel_requested=True)
            )
        self.wake.all()
        return bool(found.rowcount)


def _newest_ahead(app_id: str) -> Any:
    return (
        select(DEPLOYMENTS)
        .where(DEPLOYMENTS.c.app_id == app_id, DEPLOYMENTS.c.state.in_(AHEAD))
        .order_by(DEPLOYMENTS.c.number.desc())
        .limit(1)
    )


async def end(db: AsyncConnection, app_id: str, number: int, state: str, message: str, *, reason: bool = True) -> None:
    await db.execute(
        update(DEPLOYMENTS)
        .where(this(app_id, number))
        .values(state=state, ended_at=datetime.now(UTC), reason=message if reason else None)
    )
    await append_event(db, app_id, number, "state", message, {"state": state})
