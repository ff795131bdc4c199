"""A change that is under way, and the event that it leaves: in the transaction that first changes something.

An event is there exactly when rows were written, were it with what they had: it is written and rolled back with them.
`Audit.change` begins and completes a change; `Database.write` takes its part by `one_event`; whoever knows more of it
calls `tell`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from loco_server.records.tables import APPS
from loco_server.records.tables_access import AUDIT_EVENTS
from loco_spec.events import ENDED

LISTED, TEXT = 20, 200
"""So many items of a list, and characters of a text, stand in an event's detail."""
TOLD = ENDED - {"replaced"}
"""The ends of a deployment that leave an event; `replaced` is the other side of another one's `live`."""


@dataclass(kw_only=True)
class Change:
    """What one request, or one command of the operator, changes. Names alone: no value, code or text of a token."""

    actor: str
    action: str
    subject: str = ""
    team_id: str | None = None
    app: str | None = None
    token_id: str | None = None
    address: str | None = None
    request_id: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.event: int | None = None
        """The id of its event, once that is written."""
        self.over = False
        self.lock = asyncio.Lock()
        """Held from the event's insertion to the end of that transaction: who comes second learns what came of it."""

    def row(self) -> dict[str, Any]:
        """Give the event's columns; a text is as long as its column takes."""
        found = {each.name: getattr(self, each.name) for each in fields(self)}
        sizes = {name: getattr(AUDIT_EVENTS.c[name].type, "length", None) for name in found}
        found = {name: value[: sizes[name]] if isinstance(value, str) else value for name, value in found.items()}
        return {**found, "detail": {name: _short(value) for name, value in self.detail.items()}}


def _short(value: Any) -> Any:
    """Of a long list or text the beginning: an event is a line, not a copy of the request."""
    if isinstance(value, list) and len(value) > LISTED:
        return [*map(_short, value[:LISTED]), f"and {len(value) - LISTED} more"]
    if isinstance(value, list):
        return [_short(each) for each in value]
    return value[:TEXT] if isinstance(value, str) else value


UNDER_WAY: ContextVar[Change | None] = ContextVar("change", default=None)


def tell(**known: Any) -> None:
    """Add to the change that is under way, if there is one: fields that it has, everything else as `detail`."""
    change = UNDER_WAY.get()
    if change is not None:
        for name in known.keys() & {each.name for each in fields(change)}:
            setattr(change, name, known.pop(name))
        change.detail.update(known)


@asynccontextmanager
async def one_event() -> AsyncIterator[Callable[[AsyncConnection], Awaitable[None]]]:
    """Around a transaction: give what is to be called at its end, within it, when it has changed something.

    Tasks that a request starts are part of its change, beside each other too: one of them leaves the event.
    """
    change = UNDER_WAY.get()
    async with AsyncExitStack() as held:
        written: list[int] = []

        async def leave(db: AsyncConnection) -> None:
            if change is not None and not change.over:
                await held.enter_async_context(change.lock)
                if change.event is None:
                    row = {**change.row(), "at": datetime.now(UTC)}
                    written.extend(await db.scalars(insert(AUDIT_EVENTS).values(row).returning(AUDIT_EVENTS.c.id)))

        yield leave
        if change is not None and written:  # committed: else this is not reached
            [change.event] = written


async def leave_end(db: AsyncConnection, app_id: str, deployment: int, state: str) -> None:
    """Within a transaction: the server's own event of a deployment that has come to this end."""
    row = (await db.execute(select(APPS.c.team_id, APPS.c.name).where(APPS.c.id == app_id))).one()
    own = Change(actor="loco", action=f"deployment.{state}", subject=f"{row.name} v{deployment}")
    own.team_id, own.app = row.team_id, row.name
    await db.execute(insert(AUDIT_EVENTS).values({**own.row(), "at": datetime.now(UTC), "outcome": "done"}))
