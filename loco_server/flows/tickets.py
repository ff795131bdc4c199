"""What a ticket buys at the registry's token endpoint, looked up in the records."""

from datetime import UTC, datetime, timedelta

from loco_server.gateway.tickets import (
    Grant,
    PullTickets,
    deployment_key,
    parse_deployment_key,
    parse_pull_username,
    pull_key,
)
from loco_server.policy import tokens
from loco_server.policy.permissions import Permission, allows
from loco_server.records.apps import Apps
from loco_server.records.deployments import Deployments
from loco_server.records.people import People
from loco_server.records.values import AppRecord, DeploymentRecord
from loco_spec import names

LIVES = 12


class Tickets:
    """The token endpoint's TicketBook: push tickets while a deployment is `created`, pull tickets while the app is.

    A push ticket that is used lives on, however slow the way is that the image takes: for `ticket_seconds` from then
    on, and for twelve times as long in all.
    """

    def __init__(
        self,
        *,
        people: People,
        apps: Apps,
        deployments: Deployments,
        pull_tickets: PullTickets,
        ticket_seconds: int = 3600,
    ) -> None:
        self._people = people
        self._apps = apps
        self._deployments = deployments
        self._pull_tickets = pull_tickets
        self._life = timedelta(seconds=ticket_seconds)

    async def grant(self, username: str, password: str) -> Grant | None:
        """Give what the ticket buys; None for a wrong, ended or unknown one."""
        app_id = parse_pull_username(username)
        if app_id is not None:
            return await self._pull(app_id, password)
        key = parse_deployment_key(username)
        return None if key is None else await self._push(*key, password)

    async def _push(self, app_id: str, number: int, password: str) -> Grant | None:
        app = await self._apps.by_id(app_id)
        item = await self._deployments.get(app_id, number)
        if app is None or item is None or item.state != "created" or item.ticket_sha256 is None:
            return None
        if app.suspended is not None or not await self._may_still(app, item):
            return None
        now = datetime.now(UTC)
        if item.ticket_expires_at is None or item.ticket_expires_at <= now:
            return None
        if not tokens.matches(password, item.ticket_sha256):
            return None
        until = min(now + self._life, item.created_at + LIVES * self._life)
        if until - item.ticket_expires_at > self._life / 4:  # not a write for each token
            await self._deployments.prolong(app_id, number, until)
        return Grant(
            repository=names.repository(app.team, app.name, app.id),
            actions=("push",),
            deployment_key=deployment_key(app_id, number),
        )

    async def _pull(self, app_id: str, password: str) -> Grant | None:
        app = await self._apps.by_id(app_id)
        if app is None or app.destroying or app.suspended is not None:
            return None
        if not self._pull_tickets.check(app_id, app.pull_generation, password):
            return None
        return Grant(
            repository=names.repository(app.team, app.name, app.id),
            actions=("pull",),
            deployment_key=pull_key(app_id, app.pull_generation),
        )

    async def _may_still(self, app: AppRecord, item: DeploymentRecord) -> bool:
        """Whether who made the deployment could make it now: not suspended, and a member who may deploy."""
        if item.creator_id is None:
            return True  # made before the records knew by whom
        user = await self._people.user(item.creator_id)
        if user is None or user.suspended is not None:
            return False
        found = await self._people.membership(user.id, app.team)
        return found is not None and allows(found[1], Permission.APP_DEPLOY)
