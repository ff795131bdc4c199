"""What the operator asks of quotas: a team's, and another one for it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from loco_server.policy import quota
from loco_server.records.quotas import Quotas
from loco_server.settings import Limits
from loco_spec.errors import NotFound


@dataclass(frozen=True)
class QuotaUse:
    used: int | None
    """None: what is judged one by one, image and context."""
    limit: int
    overridden: bool
    """The operator set it for this team; else it is the server's default."""


@dataclass(frozen=True)
class TeamQuota:
    team: str
    team_id: str
    quotas: Mapping[str, QuotaUse]
    """By name. cpu is in thousandths of a processor, sizes are in bytes; `policy.quota.worded` says them."""


class ManageQuotas:
    def __init__(self, *, limits: Limits, quotas: Quotas) -> None:
        self._default, self._quotas = limits.team, quotas

    async def show(self, team_name: str) -> TeamQuota:
        """Give what a team has and may have.

        Raises:
            NotFound: there is no such team.
        """
        team_id = await self._id(team_name)
        used = await self._quotas.usage(team_id)
        counts = {"apps": used.apps, "deployments_per_hour": len(used.hour)}
        counts |= {name: used.others[name] for name in ("cpu", "memory", "replicas")}
        limits = asdict(quota.effective(self._default, used.overrides))
        found = {name: QuotaUse(counts.get(name), limits[name], name in used.overrides) for name in quota.NAMES}
        return TeamQuota(team_name, team_id, found)

    async def change(self, team_name: str, texts: Sequence[str]) -> TeamQuota:
        """Set `NAME=VALUE`, or take overrides away by `NAME=default`; all of them or none. What runs goes on.

        Raises:
            NotFound: there is no such team.
            UsageError: a text that is not understood.
        """
        team_id = await self._id(team_name)
        await self._quotas.change(team_id, lambda overrides: quota.changed(overrides, texts))
        return await self.show(team_name)

    async def _id(self, team_name: str) -> str:
        found = await self._quotas.team_id(team_name)
        if found is None:
            raise NotFound(f"there is no team {team_name[:60]}")
        return found
