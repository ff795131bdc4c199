"""An event is there exactly when something was changed, and once."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import StatementError

from loco_server.records import audit as audit_module
from loco_server.records.change import Change, one_event, tell
from loco_server.records.tables import TEAMS
from loco_server.records.tables_access import AUDIT_EVENTS
from loco_server.records.values import AppRecord
from loco_spec import names
from loco_spec.audit import AuditEvent
from loco_spec.errors import Conflict
from loco_spec.kinds.service import Service
from tests.loco_server.records.databases import DIGEST, NOW, Records, route

pytestmark = pytest.mark.anyio


def change(**more: Any) -> Change:
    return Change(**{"actor": "ann", "action": "team.create", "request_id": "r", "team_id": "t", **more})


async def write(records: Records, name: str | None = None) -> None:
    """Change something: there is one more team."""
    async with records.database.write() as db:
        await db.execute(insert(TEAMS).values(id=names.new_id(), name=name or names.new_id(), created_at=NOW))


async def rows(records: Records) -> list[Any]:
    async with records.database.read() as db:
        return list(await db.execute(select(AUDIT_EVENTS).order_by(AUDIT_EVENTS.c.id)))


async def teams(records: Records) -> int:
    async with records.database.read() as db:
        return len((await db.execute(select(TEAMS.c.id))).all())


async def test_a_change_leaves_who_from_where_what_and_on_what(records: Records) -> None:
    about = change(subject="shop", app="shop", token_id="k", address="10.0.0.1", detail={"role": "viewer"})
    async with records.audit.change(about):
        await write(records)
    [row] = await rows(records)
    assert datetime.now(UTC) - row.at < timedelta(minutes=1)
    assert (row.actor, row.token_id, row.address, row.request_id) == ("ann", "k", "10.0.0.1", "r")
    assert (row.team_id, row.app, row.action, row.subject) == ("t", "shop", "team.create", "shop")
    assert (row.outcome, row.detail) == ("done", {"role": "viewer"})


async def test_what_changes_nothing_leaves_nothing(records: Records) -> None:
    async with records.audit.change(change()):
        async with records.database.read() as db:
            await db.execute(select(TEAMS.c.id))
        async with records.database.write() as db:
            await db.execute(select(TEAMS.c.id).with_for_update())
            await db.execute(update(TEAMS).where(TEAMS.c.id == "nothing").values(name="x"))
        assert not await records.tokens.revoke("t", "nothing", of=None)
    assert await rows(records) == []


async def test_what_is_rolled_back_takes_its_event_with_it_and_the_next_write_leaves_one(records: Records) -> None:
    async with records.audit.change(change()):
        with pytest.raises(Conflict):
            await rolled_back(records)
        assert await rows(records) == []
        await write(records)
        assert len(await rows(records)) == 1
    [row] = await rows(records)
    assert row.outcome == "done"


async def rolled_back(records: Records) -> None:
    async with records.database.write() as db:
        await db.execute(insert(TEAMS).values(id=names.new_id(), name="x", created_at=NOW))
        raise Conflict("no")


async def test_an_event_that_cannot_be_written_takes_the_change_with_it(records: Records) -> None:
    with pytest.raises((StatementError, TypeError), match="JSON"):
        async with records.audit.change(change(detail={"set": {"no JSON"}})):
            await write(records)
    assert (await rows(records), await teams(records)) == ([], 0)


async def test_several_transactions_leave_one_event(records: Records) -> None:
    async with records.audit.change(change()):
        for _ in range(3):
            await write(records)
    assert len(await rows(records)) == 1


async def test_tasks_of_a_change_leave_one_event_together(records: Records) -> None:
    async with records.audit.change(change()):
        await asyncio.gather(*(write(records) for _ in range(10)))
    assert (len(await rows(records)), await teams(records)) == (1, 10)


async def test_a_task_whose_commit_fails_leaves_the_event_to_the_one_that_waits_for_it(records: Records) -> None:
    async with records.audit.change(change()):
        with suppress(Conflict):
            async with one_event() as leave, records.database.read() as db:
                await leave(db)
                beside = asyncio.create_task(write(records))
                await asyncio.sleep(0)
                raise Conflict("the commit fails")
        await beside
    [row] = await rows(records)
    assert row.outcome == "done"


async def test_a_change_that_ends_while_a_task_of_it_commits_is_completed_after_that(records: Records) -> None:
    left, go = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        async with one_event() as leave, records.database._transaction(None) as db:
            await leave(db)
            left.set()
            await go.wait()

    async with records.audit.change(change()):
        task = asyncio.create_task(slow())
        await left.wait()
        asyncio.get_running_loop().call_soon(go.set)
    await task
    [row] = await rows(records)
    assert row.outcome == "done"


async def test_a_task_that_outlives_its_change_leaves_no_event_of_it(records: Records) -> None:
    over = asyncio.Event()

    async def later() -> None:
        await over.wait()
        await write(records)

    async with records.audit.change(change()):
        task = asyncio.create_task(later())
    over.set()
    await task
    assert (await rows(records), await teams(records)) == ([], 1)


async def test_a_change_that_ends_in_an_error_tells_its_code_and_a_defect_that_it_failed(records: Records) -> None:
    for error in (Conflict("taken"), RuntimeError("a defect")):
        with suppress(type(error)):
            async with records.audit.change(change()):
                await write(records)
                raise error
    assert [row.outcome for row in await rows(records)] == ["conflict", "failed"]


async def test_of_a_change_that_was_stopped_in_the_middle_nobody_knows_how_it_ended(records: Records) -> None:
    written, never = asyncio.Event(), asyncio.Event()

    async def stopped() -> None:
        async with records.audit.change(change()):
            await write(records)
            written.set()
            await never.wait()

    task = asyncio.create_task(stopped())
    await written.wait()
    [row] = await rows(records)
    assert row.outcome is None
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    [row] = await rows(records)
    assert row.outcome is None


async def test_what_is_known_only_later_is_told_at_the_end(records: Records) -> None:
    async with records.audit.change(change(actor="somebody")):
        await write(records)
        tell(actor="ann", subject="shop v1", team_id="t", role="viewer")
    [row] = await rows(records)
    assert (row.actor, row.subject, row.team_id, row.detail) == ("ann", "shop v1", "t", {"role": "viewer"})
    tell(role="nobody listens")


async def test_names_that_are_longer_than_their_column_are_cut(records: Records) -> None:
    async with records.audit.change(change(actor="a" * 200, subject="s" * 999, address="1" * 99, app="p" * 99)):
        await write(records)
    [row] = await rows(records)
    assert (len(row.actor), len(row.subject), len(row.address), len(row.app)) == (120, 300, 60, 40)


async def test_changes_beside_each_other_keep_apart(records: Records) -> None:
    async def one(actor: str) -> None:
        async with records.audit.change(change(actor=actor)):
            await write(records)
            tell(subject=f"of {actor}")

    await asyncio.gather(*(one(f"user-{number}") for number in range(10)))
    found = {row.actor: (row.subject, row.outcome) for row in await rows(records)}
    assert found == {f"user-{number}": (f"of user-{number}", "done") for number in range(10)}


# What the server comes to by itself.


async def created(records: Records, app: AppRecord) -> int:
    routes = [route(f"{app.name}.localhost")]
    item = await records.deployments.create(app, Service(name=app.name), routes, action="deploy", created_by="ann")
    return item.number


async def go_live(records: Records) -> None:
    for item in await records.claims.claim("worker"):
        await records.deployments.move(item.app_id, item.number, "rolling", of=("accepted",), message="rolling")
        assert await records.claims.promote(item, message="live")


async def test_each_end_of_a_deployment_is_an_event_of_the_servers_own(records: Records) -> None:
    app = await records.app()
    for _ in range(2):  # the second one replaces the first: its own event is enough
        await records.accepted(app)
        await go_live(records)
    for state in ("failed", "cancelled", "expired"):
        number = await created(records, app)
        assert await records.deployments.move(app.id, number, state, of=("created",), message=state)
        assert not await records.deployments.move(app.id, number, state, of=("created",), message=state)
    late = await created(records, app)
    await records.accepted(app)
    assert await records.deployments.accept(app, late, digest=DIGEST, user_id=1, of="created") == "superseded"
    found = await rows(records)
    assert [(row.action, row.subject) for row in found] == [
        ("deployment.live", "shop v1"),
        ("deployment.live", "shop v2"),
        ("deployment.failed", "shop v3"),
        ("deployment.cancelled", "shop v4"),
        ("deployment.expired", "shop v5"),
        ("deployment.superseded", "shop v6"),
    ]
    assert {(row.actor, row.outcome, row.app, row.team_id) for row in found} == {("loco", "done", "shop", app.team_id)}
    assert {(row.request_id, row.address, row.token_id) for row in found} == {(None, None, None)}


async def test_an_end_that_is_rolled_back_is_no_event(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    app = await records.app()
    await records.accepted(app)
    [item] = await records.claims.claim("worker")
    await records.deployments.move(item.app_id, item.number, "rolling", of=("accepted",), message="rolling")
    monkeypatch.setattr("loco_server.records.events.insert", None)
    with pytest.raises(TypeError):
        await records.claims.promote(item, message="live")
    monkeypatch.undo()
    assert await rows(records) == []
    assert await records.claims.promote(item, message="live")
    assert [row.action for row in await rows(records)] == ["deployment.live"]


# Reading, following, forgetting.


async def put(records: Records, number: int, **more: Any) -> None:
    values = {"at": NOW, "team_id": "t", "actor": "ann", "action": "a", "subject": "s", "detail": {}, "outcome": "done"}
    async with records.database.write() as db:
        await db.execute(insert(AUDIT_EVENTS).values({**values, "id": number, **more}))


def ids(found: list[AuditEvent]) -> list[int]:
    return [event.id for event in found]


async def test_the_newest_are_read_in_order_and_what_comes_after_one_from_there_on(records: Records) -> None:
    for number in range(1, 6):
        await put(records, number, app="shop" if number % 2 else "blog")
    await put(records, 6, team_id="other")
    await put(records, 7, team_id=None)
    audit = records.audit
    assert ids(await audit.read("t", None, None, 3)) == [3, 4, 5]
    assert ids(await audit.read("t", None, 1, 3)) == [2, 3, 4]
    assert ids(await audit.read("t", "shop", None, 100)) == [1, 3, 5]
    assert ids(await audit.read("t", "shop", 1, 100)) == [3, 5]
    assert ids(await audit.read("nobody", None, None, 100)) == []


class Follower:
    def __init__(self, records: Records, after: int | None = None, limit: int = 100) -> None:
        self._events = records.audit.follow("t", None, after, limit)
        self._wake = records.wake

    async def heard(self) -> list[int]:
        """Everything until there is nothing more."""
        asyncio.get_running_loop().call_soon(self._wake.all)  # where it waits for that, it looks again at once
        found = []
        while (event := await anext(self._events)) is not None:
            found.append(event.id)
        return found


async def test_a_follower_hears_the_newest_and_then_each_as_it_comes(records: Records) -> None:
    for number in range(1, 6):
        await put(records, number)
    ann = Follower(records, limit=2)
    assert await ann.heard() == [4, 5]
    await put(records, 6)
    await put(records, 7, team_id="other")
    await put(records, 8)
    assert await ann.heard() == [6, 8]
    assert await Follower(records, after=5).heard() == [6, 8]


async def test_an_event_that_shows_late_is_heard_once(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL gives ids out in order, and the transactions end as they like."""
    monkeypatch.setattr(audit_module, "WINDOW", 5)
    ann = Follower(records)
    for number in (10, 12, 13):
        await put(records, number)
    assert await ann.heard() == [10, 12, 13]
    for number in (9, 11, 14):
        await put(records, number)
    assert await ann.heard() == [9, 11, 14]
    for number in range(15, 25):
        await put(records, number)
        assert await ann.heard() == [number]
    await put(records, 8)
    assert await ann.heard() == [], "behind the window nobody looks any more"


async def test_a_follower_hears_of_a_change_when_it_has_ended_or_takes_long(records: Records) -> None:
    ann = Follower(records)
    await put(records, 1, at=datetime.now(UTC), outcome=None)
    await put(records, 2)
    assert await ann.heard() == []
    async with records.database.write() as db:
        await db.execute(update(AUDIT_EVENTS).values(outcome="done"))
    assert await ann.heard() == [1, 2]
    await put(records, 3, at=datetime.now(UTC) - audit_module.UNDER_WAY_FOR, outcome=None)
    assert await ann.heard() == [3]


async def test_old_events_are_forgotten_a_part_at_a_time_and_the_newest_stays(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_module, "FORGOTTEN_AT_ONCE", 3)
    assert await records.audit.forget(NOW) == 0
    for number in range(1, 6):
        await put(records, number, at=NOW - timedelta(days=1))
    assert await records.audit.forget(NOW - timedelta(days=2)) == 0
    assert await records.audit.forget(NOW) == 3
    assert await records.audit.forget(NOW) == 1
    assert await records.audit.forget(NOW) == 0
    assert [row.id for row in await rows(records)] == [5]
    await write_one_more(records)
    assert [row.id > 5 for row in await rows(records)] == [False, True]


async def write_one_more(records: Records) -> None:
    if records.database.url.startswith("postgresql"):
        await put(records, 6)  # its sequence knows nothing of the numbers above
        return
    async with records.audit.change(change()):
        await write(records)


async def test_of_a_long_list_and_a_long_text_an_event_keeps_the_beginning(records: Records) -> None:
    change = Change(actor="ann", action="x", detail={"set": [f"V{n}" for n in range(3000)], "note": "y" * 5000, "n": 1})
    kept = change.row()["detail"]
    assert kept["set"] == [*(f"V{n}" for n in range(20)), "and 2980 more"]
    assert (len(kept["note"]), kept["n"]) == (200, 1)
