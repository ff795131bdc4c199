"""What there is to be told of an app's deployments: what is wrong with the live one, else the last that failed."""

from loco_cli.client import apps, deployments
from loco_cli.client.http import Http
from loco_cli.context import Target
from loco_cli.ui.results import Diagnosed
from loco_spec.api import Deployment
from loco_spec.diagnosis import NOTES
from loco_spec.errors import Diagnosis, NotFound

LOOKED_AT = 50
"""So many of the newest, for the last that failed."""


def newest(http: Http, target: Target) -> Diagnosed:
    """Give the deployment to tell of: one that failed only where nothing newer is live.

    Raises:
        NotFound: there is none.
    """
    found = deployments.newest(http, target.team, target.app, LOOKED_AT).deployments
    if not found:
        raise NotFound(f"{target.app} has no deployment yet", hint="loco deploy")
    live = next((item for item in found if item.state == "live"), None)
    told = () if live is None else wrong(http, live)
    failed = next((item for item in found if item.state == "failed"), None)
    if failed is not None and live is not None and failed.number < live.number:
        failed = None
    if live is None or (failed is not None and {each.cause for each in told} <= NOTES):
        return Diagnosed(deployment=failed or live or found[0])
    return Diagnosed(deployment=live, told=told)


def wrong(http: Http, item: Deployment) -> tuple[Diagnosis, ...]:
    """Give what is wrong with one that serves, or served: what its rollout told of, and what its instances do now."""
    if item.live_at is None:
        return ()
    told = [event.detail for event in deployments.events(http, item) if event.kind == "diagnosis"]
    status = apps.status(http, item.team, item.app) if item.state == "live" else None
    now = [each.diagnosis for each in status.instances if each.diagnosis] if status is not None else []
    return (*now, *map(Diagnosis.model_validate, told))


def is_told(found: Diagnosed) -> bool:
    """Whether there is anything wrong to be shown of it."""
    return found.deployment.state == "failed" or bool(found.told)
