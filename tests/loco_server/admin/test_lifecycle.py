"""What an operator sees of unused apps."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from loco_server.lifecycle_settings import LifecycleSettings
from loco_server.records.tables import APPS
from loco_server.records.values import AppRecord
from loco_spec.kinds.service import Service
from tests.loco_server.admin.conftest import Admin, Operated

TODAY = datetime.now(UTC)


def ago(days: int) -> datetime:
    return TODAY - timedelta(days=days)


async def made(server: Operated, name: str, days: int) -> AppRecord:
    """Give an app that was made so many days ago, and never deployed."""
    app = await server.records.app(name)
    async with server.records.database.write() as db:
        await db.execute(update(APPS).where(APPS.c.id == app.id).values(created_at=ago(days)))
    return app


@pytest.fixture
def apps(server: Operated) -> None:
    ages = {"old": 181, "new": 1, "warned": 200, "stopped": 300, "busy": 300}
    found = {name: server.do(made(server, name, days)) for name, days in ages.items()}
    uses = server.records.uses
    server.do(uses.warn(found["warned"].id, ago(10), lambda _: True))
    server.do(uses.warn(found["stopped"].id, ago(91), lambda _: True))
    server.do(uses.stop(found["stopped"].id, ago(61), "nobody uses it", lambda _: True))
    server.do(uses.count({found["new"].id: 0}, ago(0)))
    server.do(
        server.records.deployments.create(found["busy"], Service(name="busy"), [], action="deploy", created_by="ann")
    )


def test_the_table_says_what_becomes_of_each_app_when_and_why(server: Operated, apps: None, admin: Admin) -> None:
    done = admin("lifecycle")
    assert (done.code, done.err) == (0, "")
    uncounted = " (its requests are not counted here)"
    d = {days: f"{ago(days):%Y-%m-%d}" for days in (-179, -20, 0, 1, 10, 61, 181, 200, 300)}
    assert done.out.splitlines() == [
        "dry run: nothing is done, what would be is logged once a day; LOCO_LIFECYCLE=on does it",
        "unused apps are warned about after 180 days, stopped 30 later, deleted 60 later",
        "app          last used   state    next    on          why",
        f"ann/old      {d[181]}  used     warn    now         no sign of use since {d[181]}{uncounted}",
        f"ann/stopped  {d[300]}  stopped  delete  now         no sign of use since {d[300]}, stopped on {d[61]}",
        f"ann/warned   {d[200]}  warned   stop    {d[-20]}  no sign of use since {d[200]}, warned on {d[10]}",
        f"ann/new      {d[1]}  used     warn    {d[-179]}  no sign of use since {d[1]}",
        f"ann/busy     {d[0]}  used     -       -           a deployment is under way",
    ]


def test_a_program_reads_the_same(server: Operated, apps: None, admin: Admin) -> None:
    found = json.loads(admin("lifecycle", "--json").out)
    times = {name: found[name] for name in ("mode", "unused_days", "warned_days", "stopped_days")}
    assert times == {"mode": "dry-run", "unused_days": 180, "warned_days": 30, "stopped_days": 60}
    assert [(each["team"], each["app"], each["state"], each["due"], each["next"]) for each in found["apps"]] == [
        ("ann", "old", "used", "warn", "warn"),
        ("ann", "stopped", "stopped", "delete", "delete"),
        ("ann", "warned", "warned", "none", "stop"),
        ("ann", "new", "used", "none", "warn"),
        ("ann", "busy", "used", "none", "none"),
    ]
    assert found["apps"][4]["at"] is None


def test_looking_changes_nothing(server: Operated, apps: None, admin: Admin) -> None:
    before = server.do(server.records.uses.all())
    admin("lifecycle")
    assert server.do(server.records.uses.all()) == before


@pytest.mark.parametrize(("mode", "said"), [("off", "off: nothing is"), ("on", "on: what is due is done once a day")])
def test_it_says_whether_anything_is_done(server: Operated, admin: Admin, mode: str, said: str) -> None:
    lifecycle = server.parts.lifecycle
    lifecycle.settings = replace(LifecycleSettings(), mode=mode)  # type: ignore[arg-type]
    out = admin("lifecycle").out
    assert out.startswith(said)
    assert out.endswith("no team has an app yet\n")
