"""The operator's brake: what stops with whom, what is refused meanwhile, and how it all goes on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from loco_server.engines.base import Suspension
from loco_server.flows.login import Caller
from loco_server.flows.suspend import Suspend, Suspended
from loco_server.flows.teams import ManageTeams
from loco_server.flows.tickets import Tickets
from loco_server.gateway.closed import ClosedDeployments
from loco_server.gateway.tickets import PullTickets, deployment_key, pull_key
from loco_server.policy import tokens
from loco_server.policy.membership import end_account
from loco_server.records.claims import CancelRequestedError
from loco_server.records.people import TokenRecord
from loco_server.records.suspensions import Kind, Suspensions
from loco_server.records.values import AppRecord
from loco_server.rollouts.plan import Planner
from loco_server.rollouts.worker import Worker
from loco_server.settings import Limits, Settings
from loco_spec.errors import Conflict, NotAllowed, NotFound, StillGoing, UsageError
from loco_spec.kinds.service import Service
from tests.loco_server.fakes import FakeEngine
from tests.loco_server.records.databases import DIGEST, Records, route

pytestmark = pytest.mark.anyio

NOTICE = "closed\n"


class Operator:
    """One who holds the brake of a server whose worker runs when it is told to."""

    def __init__(self, records: Records, settings: Settings) -> None:
        self.records = records
        self.engine = FakeEngine()
        self.closed = ClosedDeployments(keep_seconds=300)
        self.cuts = 0
        self.pull_tickets = PullTickets(b"k" * 32)
        planner = Planner(
            settings=settings,
            apps=records.apps,
            deployments=records.deployments,
            variables=records.variables,
            pull_tickets=self.pull_tickets,
            host=self.engine.host,
        )
        self.worker = Worker(
            engine=self.engine,
            deployments=records.deployments,
            claims=records.claims,
            planner=planner,
        )
        self.flow = Suspend(
            apps=records.apps,
            deployments=records.deployments,
            suspensions=Suspensions(records.database),
            engine=self.engine,
            closed=self.closed,
            notice=NOTICE,
            cut_pushes=self._cut,
            settle=self.worker.reconcile,
        )
        self.book = Tickets(
            people=records.people,
            apps=records.apps,
            deployments=records.deployments,
            pull_tickets=self.pull_tickets,
        )

    async def _cut(self) -> None:
        self.cuts += 1

    async def suspend(self, kind: Kind, name: str, why: str = "mines coins") -> Suspended:
        return await self.flow.suspend(await self.flow.subject(kind, name), why)

    async def live(self, app: AppRecord) -> int:
        """Take a deployment to live, by hand."""
        number = await self.records.accepted(app, host=f"{app.name}-{app.team}.localhost")
        for item in await self.records.claims.claim("worker"):
            await self.records.deployments.move(
                item.app_id, item.number, "rolling", of=("accepted",), message="rolling"
            )
            assert await self.records.claims.promote(item, message="live")
        return number

    async def waiting(self, app: AppRecord, creator: str | None = None) -> int:
        """Make a deployment whose push is in flight, with the ticket `secret`."""
        item = await self.records.deployments.create(
            app,
            Service(name=app.name),
            [route(f"{app.name}-{app.team}.localhost")],
            action="deploy",
            created_by="ann",
            creator_id=creator,
            ticket_sha256=tokens.digest("secret"),
            ticket_expires_at=datetime.now(UTC) + timedelta(hours=1),
        )
        return item.number

    async def state(self, app: AppRecord, number: int) -> tuple[str, str | None]:
        item = await self.records.deployments.get(app.id, number)
        assert item is not None
        return item.state, item.reason

    async def now(self, app: AppRecord) -> AppRecord:
        found = await self.records.apps.by_id(app.id)
        assert found is not None
        return found


@pytest.fixture
async def operator(records: Records, settings: Settings) -> AsyncIterator[Operator]:
    found = Operator(records, settings)
    yield found
    await found.flow.close()


@asynccontextmanager
async def working(operator: Operator) -> AsyncIterator[None]:
    """Its worker works."""
    task = asyncio.create_task(operator.worker.run())
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await operator.worker.close()


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        ("app", "ann/shop", "app shop is suspended: mines coins"),
        ("team", "ann", "team ann is suspended: mines coins"),
        ("user", "ann", "user ann is suspended: mines coins"),
    ],
)
async def test_an_app_stops_with_itself_with_its_team_and_with_its_teams_person(
    operator: Operator, kind: Kind, name: str, said: str
) -> None:
    app, other = await operator.records.app("shop", "ann"), await operator.records.app("shop", "bob")
    for each in (app, other):
        await operator.live(each)
    number = await operator.waiting(app)
    done = await operator.suspend(kind, name, " mines\n  coins ")
    assert (done.reason, done.apps, done.pushes) == ("mines coins", ("ann/shop",), 1)
    [stopped] = operator.engine.suspended
    assert (stopped.app.app_id, stopped.notice) == (app.id, NOTICE)
    assert [each.host for each in stopped.routes] == ["shop-ann.localhost"]
    assert (await operator.now(app)).suspended == said
    assert (await operator.now(other)).suspended is None
    assert await operator.state(app, number) == ("cancelled", said)
    assert operator.cuts == 1


async def test_a_push_in_flight_and_every_pull_are_refused_from_then_on(operator: Operator) -> None:
    app = await operator.records.app("shop", "ann")
    number = await operator.waiting(app)
    push, pull = deployment_key(app.id, number), operator.pull_tickets.make(app.id, app.pull_generation)
    assert await operator.book.grant(push, "secret") is not None
    bought = await operator.book.grant(*pull)
    assert bought is not None
    await operator.suspend("app", "ann/shop")
    assert operator.closed.is_closed(push)
    assert operator.closed.is_closed(bought.deployment_key)
    assert await operator.book.grant(push, "secret") is None
    assert await operator.book.grant(*pull) is None
    now = await operator.now(app)
    fresh = operator.pull_tickets.make(app.id, now.pull_generation)
    assert await operator.book.grant(*fresh) is None
    await operator.flow.resume(await operator.flow.subject("app", "ann/shop"))
    now = await operator.now(app)
    again = await operator.book.grant(*operator.pull_tickets.make(app.id, now.pull_generation))
    assert again is not None
    # Else the first pull after a resume would fail for as long as the closing is remembered.
    assert not operator.closed.is_closed(again.deployment_key)
    assert pull_key(app.id, now.pull_generation) == again.deployment_key


async def test_what_a_suspended_person_pushes_into_another_team_is_refused_and_that_team_runs_on(
    operator: Operator,
) -> None:
    app = await operator.records.app("shop", "ann")
    await operator.live(app)
    bob = await operator.records.people.signed_in("local", "bob", "bob")
    number = await operator.waiting(app, bob.id)
    done = await operator.suspend("user", "bob")
    assert (done.apps, done.pushes) == ((), 1)
    assert operator.engine.suspended == []
    assert await operator.state(app, number) == ("cancelled", "user bob is suspended")


async def test_a_ticket_ends_when_who_got_it_may_deploy_there_no_more(operator: Operator) -> None:
    app = await operator.records.app("shop", "ann")
    bob = await operator.records.people.signed_in("local", "bob", "bob")
    ann = await operator.records.people.signed_in("local", "ann", "ann")
    theirs, own = await operator.waiting(app, bob.id), await operator.waiting(app, ann.id)
    assert await operator.book.grant(deployment_key(app.id, theirs), "secret") is None
    assert await operator.book.grant(deployment_key(app.id, own), "secret") is not None


async def test_a_deployment_that_waits_for_the_worker_ends_and_one_that_came_in_between_too(
    operator: Operator,
) -> None:
    app = await operator.records.app("shop", "ann")
    first = await operator.records.accepted(app)
    await operator.suspend("app", "ann/shop")
    said = "app shop is suspended: mines coins"
    assert await operator.state(app, first) == ("cancelled", said)
    # It had passed the door before the door was shut.
    late = await operator.waiting(app)
    await operator.records.deployments.accept(app, late, digest=DIGEST, user_id=1, of="created")
    async with working(operator):
        while (await operator.state(app, late))[0] != "cancelled":
            await operator.records.wake.wait(at_most=0.1)
    assert await operator.state(app, late) == ("cancelled", said)
    assert operator.engine.rolled == []


async def test_a_rollout_under_way_stops_and_what_it_started_is_looked_for_again(operator: Operator) -> None:
    app = await operator.records.app("shop", "ann")
    operator.engine.hold = asyncio.Event()
    number = await operator.records.accepted(app)
    async with working(operator):
        while (await operator.state(app, number))[0] != "rolling":
            await operator.records.wake.wait(at_most=0.1)
        suspending = asyncio.create_task(operator.suspend("team", "ann"))
        await asyncio.wait_for(operator.engine.stopped.wait(), 5)
        operator.engine.hold.set()
        await suspending
    assert await operator.state(app, number) == ("cancelled", "team ann is suspended: mines coins")
    assert operator.engine.rolled == []
    assert len(operator.engine.suspended) == 2


async def test_reconcile_keeps_it_stopped_until_it_is_resumed(operator: Operator) -> None:
    app = await operator.records.app("shop", "ann")
    number = await operator.live(app)
    await operator.suspend("app", "ann/shop")
    await operator.worker.reconcile()
    assert list(operator.engine.reconciled[-1][0]) == []
    [kept] = operator.engine.kept_suspended
    assert isinstance(kept, Suspension)
    assert (kept.app.app_id, [each.host for each in kept.routes]) == (app.id, ["shop-ann.localhost"])
    done = await operator.flow.resume(await operator.flow.subject("app", "ann/shop"))
    assert (done.apps, done.still) == (("ann/shop",), None)
    await operator.worker.reconcile()
    assert list(operator.engine.reconciled[-1][0]) == [number]
    assert len(operator.engine.kept_suspended) == 0


async def test_who_is_suspended_twice_over_is_let_go_by_both_alone(operator: Operator) -> None:
    app = await operator.records.app("shop", "ann")
    await operator.suspend("team", "ann", "one")
    await operator.suspend("app", "ann/shop", "two")
    done = await operator.flow.resume(await operator.flow.subject("app", "ann/shop"))
    assert (done.apps, done.still) == ((), "team ann is suspended: one")
    await operator.flow.resume(await operator.flow.subject("team", "ann"))
    assert (await operator.now(app)).suspended is None
    with pytest.raises(Conflict, match="team ann is not suspended"):
        await operator.flow.resume(await operator.flow.subject("team", "ann"))


async def test_an_engine_that_is_down_is_told_and_the_records_say_what_is_to_be(operator: Operator) -> None:
    app = await operator.records.app("shop", "ann")
    await operator.live(app)
    number = await operator.waiting(app)
    operator.engine.down = 1
    with pytest.raises(StillGoing, match="stops once the engine answers"):
        await operator.suspend("app", "ann/shop")
    assert (await operator.now(app)).suspended is not None
    assert (await operator.state(app, number))[0] == "cancelled"
    await operator.worker.reconcile()
    assert [each.app.app_id for each in operator.engine.kept_suspended] == [app.id]


@pytest.mark.parametrize("name", ["shop", "ann/shoq", "bob/shop", "ann", ""])
async def test_an_app_is_named_with_its_team(operator: Operator, name: str) -> None:
    await operator.records.app("shop", "ann")
    with pytest.raises(NotFound):
        await operator.flow.subject("app", name)


@pytest.mark.parametrize("why", ["", " \n ", "x" * 501])
async def test_there_is_always_a_reason_that_fits(operator: Operator, why: str) -> None:
    await operator.records.app("shop", "ann")
    with pytest.raises(UsageError, match="a reason has"):
        await operator.suspend("app", "ann/shop", why)
    assert operator.engine.suspended == []


async def test_all_that_is_suspended_is_listed(operator: Operator) -> None:
    await operator.records.app("shop", "ann")
    await operator.records.app("shop", "bob")
    suspensions = Suspensions(operator.records.database)
    assert await suspensions.all() == []
    for kind, name in (("app", "ann/shop"), ("team", "bob"), ("user", "bob")):
        await operator.suspend(kind, name)  # type: ignore[arg-type]
    found = [(each.kind, each.name, each.suspended) for each in await suspensions.all()]
    assert found == [
        ("user", "bob", "mines coins"),
        ("team", "bob", "mines coins"),
        ("app", "ann/shop", "mines coins"),
    ]


async def test_a_rollout_is_found_however_many_numbers_came_after_it(operator: Operator) -> None:
    app = await operator.records.app("shop", "ann")
    first = await operator.records.accepted(app)
    [item] = await operator.records.claims.claim("worker")
    await operator.records.deployments.move(app.id, first, "rolling", of=("accepted",), message="rolling")
    for _ in range(55):
        await operator.waiting(app)
    suspending = asyncio.create_task(operator.suspend("app", "ann/shop"))
    await asyncio.wait_for(operator.engine.stopped.wait(), 10)
    with pytest.raises(CancelRequestedError):
        await operator.records.claims.still_ours(item)
    suspending.cancel()
    await asyncio.gather(suspending, return_exceptions=True)


async def test_uploads_that_cannot_be_cut_are_told_and_everything_else_is_done(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = await operator.records.app("shop", "ann")
    number = await operator.waiting(app)

    async def broken() -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(operator.flow, "_cut_pushes", broken)
    with pytest.raises(StillGoing, match="an upload may go on"):
        await operator.suspend("app", "ann/shop")
    assert (await operator.state(app, number))[0] == "cancelled"
    assert (await operator.now(app)).suspended is not None
    assert len(operator.engine.suspended) == 1


async def test_an_account_that_is_suspended_while_it_is_deleted_stays(operator: Operator) -> None:
    ann = await operator.records.people.signed_in("local", "ann", "ann")
    await operator.suspend("user", "ann")
    with pytest.raises(NotAllowed, match="ann is suspended: mines coins"):
        await operator.records.accounts.delete(ann.id, end_account)
    assert await operator.records.people.user(ann.id) is not None
    await operator.flow.resume(await operator.flow.subject("user", "ann"))
    await operator.suspend("team", "ann")
    with pytest.raises(NotAllowed, match="team ann is suspended"):
        await operator.records.accounts.delete(ann.id, end_account)


async def test_an_invitation_into_a_suspended_team_brings_nobody_onto_the_platform(operator: Operator) -> None:
    records, limits = operator.records, Limits()
    ann = await records.people.signed_in("local", "ann", "ann")
    team = await records.team("ann")
    manage = ManageTeams(limits=limits, teams=records.teams, invitations=records.invitations)
    caller = Caller(ann, TokenRecord("t", ann, "session", "", None, None))
    early = (await manage.invite(caller, team, "owner", "admin", None)).code
    late = (await manage.invite(caller, team, "owner", "admin", None)).code
    claimed = await manage.claim(early)
    assert claimed is not None
    await operator.suspend("team", "ann")
    assert await manage.claim(late) is None
    eve = await records.people.signed_in("github", "7", "eve")
    await manage.fulfil(claimed, eve)
    assert await records.people.membership(eve.id, "ann") is None
