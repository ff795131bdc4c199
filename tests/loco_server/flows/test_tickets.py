"""How long a push ticket buys tokens, and by which of its ends it stops."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from loco_server.flows.tickets import Tickets
from loco_server.gateway.tickets import PullTickets, deployment_key, pull_key
from loco_server.policy import tokens
from loco_server.records.values import AppRecord
from loco_spec import names
from loco_spec.kinds.service import Service
from tests.loco_server.records.databases import DIGEST, Records, route

pytestmark = pytest.mark.anyio

LIFE = 1000


class Office:
    def __init__(self, records: Records, app: AppRecord) -> None:
        self.records = records
        self.app = app
        self.pull_tickets = PullTickets(b"k" * 32)
        self.book = Tickets(
            people=records.people,
            apps=records.apps,
            deployments=records.deployments,
            pull_tickets=self.pull_tickets,
            ticket_seconds=LIFE,
        )

    async def ticket(self, *, seconds_left: float = LIFE) -> None:
        """Give v1 a ticket, password `secret`."""
        await self.records.deployments.create(
            self.app,
            Service(name="shop"),
            [route("shop.localhost")],
            action="deploy",
            created_by="ann",
            ticket_sha256=tokens.digest("secret"),
            ticket_expires_at=datetime.now(UTC) + timedelta(seconds=seconds_left),
        )

    async def buys(self, *, guess: bool = False) -> bool:
        grant = await self.book.grant(deployment_key(self.app.id, 1), "guessed" if guess else "secret")
        return grant is not None and grant.actions == ("push",)

    async def seconds_left(self) -> float:
        item = await self.records.deployments.get(self.app.id, 1)
        assert item is not None
        assert item.ticket_expires_at is not None
        return (item.ticket_expires_at - datetime.now(UTC)).total_seconds()


@pytest.fixture
async def office(records: Records) -> Office:
    return Office(records, await records.app())


async def test_a_ticket_buys_pushes_to_its_own_repository_with_its_own_password_only(office: Office) -> None:
    await office.ticket()
    grant = await office.book.grant(deployment_key(office.app.id, 1), "secret")
    assert grant is not None
    assert grant.repository == names.repository(office.app.team, office.app.name, office.app.id)
    assert grant.actions == ("push",)
    assert not await office.buys(guess=True)
    assert await office.book.grant(deployment_key(office.app.id, 2), "secret") is None
    assert await office.book.grant("root", "secret") is None


async def accepted(office: Office) -> None:
    await office.records.deployments.accept(office.app, 1, digest=DIGEST, user_id=1, of="created")


def moved(to: str) -> Callable[[Office], Awaitable[object]]:
    async def move(office: Office) -> object:
        return await office.records.deployments.move(office.app.id, 1, to, of=("created",), message=to)

    return move


@pytest.mark.parametrize(
    "end",
    [accepted, *(moved(state) for state in ("checking", "failed", "cancelled", "expired"))],
    ids=["accepted", "checking", "failed", "cancelled", "expired"],
)
async def test_a_ticket_buys_nothing_once_its_deployment_waits_for_no_image(
    office: Office, end: Callable[[Office], Awaitable[object]]
) -> None:
    await office.ticket()
    assert await office.buys()
    await end(office)
    assert not await office.buys()


async def test_a_ticket_that_ran_out_buys_nothing_and_does_not_come_back(office: Office) -> None:
    await office.ticket(seconds_left=-0.001)
    assert not await office.buys()
    assert await office.seconds_left() < 0


async def test_a_ticket_that_is_used_late_lives_its_whole_life_from_then_on(office: Office) -> None:
    await office.ticket(seconds_left=LIFE / 10)
    assert await office.buys()
    assert await office.seconds_left() == pytest.approx(LIFE, abs=30)


async def test_a_wrong_password_keeps_no_ticket_alive(office: Office) -> None:
    await office.ticket(seconds_left=LIFE / 10)
    assert not await office.buys(guess=True)
    assert await office.seconds_left() <= LIFE / 10


async def test_a_ticket_does_not_live_for_ever(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    await office.ticket(seconds_left=LIFE / 10)
    monkeypatch.setattr("loco_server.flows.tickets.LIVES", 0.5)
    assert await office.buys()
    assert await office.seconds_left() <= LIFE / 2


async def test_a_pull_ticket_ends_with_the_apps_generation(office: Office) -> None:
    username, password = office.pull_tickets.make(office.app.id, office.app.pull_generation)
    grant = await office.book.grant(username, password)
    assert grant is not None
    assert (grant.actions, grant.deployment_key) == (("pull",), pull_key(office.app.id, office.app.pull_generation))
    older = office.pull_tickets.make(office.app.id, office.app.pull_generation - 1)
    assert await office.book.grant(*older) is None
