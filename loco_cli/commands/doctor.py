"""`loco doctor v12`: what is wrong with a deployment, in one screen."""

import re
from pathlib import Path
from typing import Annotated

import typer

from loco_cli.client import apps, deployments
from loco_cli.context import Context, Target, opened
from loco_cli.options import App, Team
from loco_cli.ui.results import Diagnosed
from loco_spec.api import Deployment
from loco_spec.errors import Diagnosis, NotFound, UsageError

Version = Annotated[
    str | None,
    typer.Argument(
        help="The deployment: v12.",
        show_default="the last one that failed, if nothing is wrong now",
        metavar="[VERSION]",
    ),
]
LOOKED_AT = 50
"""So many of the newest, for the last that failed."""
_VERSION = re.compile(r"v?([1-9][0-9]{0,8})")


def command(version: Version = None, app: App = None, team: Team = None) -> None:
    """Show what is wrong with a deployment, what was seen of it, and the next step.

    Examples:
        loco doctor
        loco doctor v12 --app shop
    """
    with opened() as context:
        context.ui.result(run(context, version, app=app, team=team))


def run(context: Context, version: str | None, *, app: str | None, team: str | None) -> Diagnosed:
    match = None if version is None else _VERSION.fullmatch(version)
    if version is not None and match is None:
        raise UsageError(f'"{version}" is not a deployment', hint="loco doctor v12; loco status tells the newest")
    target = context.target(Path(), app=app, team=team)
    if match is not None:
        item = deployments.find(context.http, target.team, target.app, int(match[1]))
        return Diagnosed(deployment=item, told=_told(context, target, item))
    found = deployments.newest(context.http, target.team, target.app, LOOKED_AT).deployments
    if not found:
        raise NotFound(f"{target.app} has no deployment yet", hint="loco deploy")
    live = next((item for item in found if item.state == "live"), None)
    if live is not None and (told := _told(context, target, live)):
        return Diagnosed(deployment=live, told=told)
    failed = next((item for item in found if item.state == "failed"), None)
    return Diagnosed(deployment=failed or live or found[0])


def _told(context: Context, target: Target, item: Deployment) -> tuple[Diagnosis, ...]:
    """Give what is wrong with one that serves, or served: what its rollout told of, and what its instances do now."""
    if item.live_at is None:
        return ()
    told = [event.detail for event in deployments.events(context.http, item) if event.kind == "diagnosis"]
    status = apps.status(context.http, target.team, target.app) if item.state == "live" else None
    now = [each.diagnosis for each in status.instances if each.diagnosis] if status is not None else []
    return (*now, *map(Diagnosis.model_validate, told))
