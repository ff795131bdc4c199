"""What a team may have in all, and who asks for more. Pure: what is used is counted in the records."""

from collections.abc import Mapping
from dataclasses import asdict, replace

from loco_server.records.values import TeamUsage, needs
from loco_spec.changes import QuotaUse
from loco_spec.errors import Refused
from loco_spec.kinds.service import Service
from loco_spec.quota import NAMES, Quota, changed, worded
from loco_spec.values import human_bytes

__all__ = ["NAMES", "Quota", "changed", "effective", "refuse", "uses", "worded"]

_LESS = {
    "replicas": "fewer replicas under [scale]",
    "cpu": "less cpu under [resources], or fewer replicas under [scale]",
    "memory": "less memory under [resources], or fewer replicas under [scale]",
}
_OPERATOR = "ask the operator of this server for more"


def effective(default: Quota, overrides: Mapping[str, int]) -> Quota:
    """Give what holds for a team. A name that this version does not know (a newer one wrote it) is passed over."""
    return replace(default, **{name: value for name, value in overrides.items() if name in NAMES})


def refuse(
    default: Quota,
    team: str,
    app: str,
    spec: Service | None,
    used: TeamUsage,
    *,
    number: bool = False,
    context: int = 0,
) -> None:
    """Let a team have what it asks for, or say what it has already.

    What an app has it keeps: a quota that was lowered stops nothing, and an app may be deployed again as it is.

    Args:
        default: what a team may have for which the operator said nothing else.
        team: its name.
        app: for which it is.
        spec: what the app would have; None: that is not the question.
        used: by the team.
        number: whether it takes a number, of which there are so many an hour.
        context: the size of what is built.

    Raises:
        Refused: with what is asked for, what is used, and the quota.
    """
    quota = effective(default, used.overrides)
    if not used.has_app and used.apps >= quota.apps:
        raise Refused(
            f"{app} would be one app more, and team {team} has {used.apps}; {quota.apps} is the most it may have",
            hint=f"loco destroy an app that is not needed any more, or {_OPERATOR}",
        )
    for name, wanted in {} if spec is None else needs(spec).items():
        others, limit = used.others[name], asdict(quota)[name]
        if others + wanted > limit and wanted > used.own[name]:
            raise Refused(
                f"{app} may come to {name} {worded(name, wanted)} with all its replicas; team {team} may have "
                f"{worded(name, limit)} in all, and its other apps have {worded(name, others)} of it",
                hint=f"{_LESS[name]} in loco.toml, loco destroy an app, or {_OPERATOR}",
            )
    if number and len(used.hour) >= quota.deployments_per_hour:
        # So many must leave the hour that one is free. With a quota of none at all, no waiting helps.
        free = next(iter(used.hour[len(used.hour) - quota.deployments_per_hour :]), None)
        raise Refused(
            f"team {team} made {len(used.hour)} deployments within an hour; its quota is {quota.deployments_per_hour}",
            hint=_OPERATOR if free is None else f"again in {free} s, or {_OPERATOR}",
            retry_after=free,
        )
    if context > quota.context:
        raise Refused(
            f"the build context has {human_bytes(context)}; the most for team {team} is {human_bytes(quota.context)}",
            hint=f"name what is not needed in .dockerignore (loco deploy --list-files shows all), or {_OPERATOR}",
        )


def uses(default: Quota, spec: Service, used: TeamUsage, context: int) -> tuple[QuotaUse, ...]:
    """Give each quota that a deployment counts against: what others use of it, and what it would need."""
    limits = asdict(effective(default, used.overrides))
    found = {name: (used.others[name], wanted) for name, wanted in needs(spec).items()}
    found |= {
        "apps": (used.apps - used.has_app, 1),
        "deployments_per_hour": (len(used.hour), 1),
        "context": (0, context),
    }
    return tuple(
        QuotaUse(name=name, used=has, needed=wanted, limit=limits[name]) for name, (has, wanted) in found.items()
    )


def refuse_one_off(default: Quota, team: str, app: str, spec: Service, used: TeamUsage, count: int) -> None:
    """Let a team have one container more of an app for a while, with what a replica takes; `count`: of those with it.

    Raises:
        Refused: with what is asked for, what is used, and the quota.
    """
    limits, replicas = asdict(effective(default, used.overrides)), spec.scale.most
    for name in ("cpu", "memory"):
        one, there = needs(spec)[name] // replicas, used.others[name] + used.own[name]
        if there + one * count > limits[name]:
            raise Refused(
                f"a container of {app} takes {name} {worded(name, one)}; team {team} may have "
                f"{worded(name, limits[name])} in all, and its apps have {worded(name, there)} of it",
                hint=f"loco exec works in an instance that runs; or {_OPERATOR}",
            )
