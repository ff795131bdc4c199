"""Whether a deployment's release command is to run."""

from loco_server.records.deployments import Deployments
from loco_server.records.values import DeploymentRecord

AGAIN = ("redeploy", "variables", "scale")
"""Actions that roll what is live, or about to be, once more."""


async def is_due(deployments: Deployments, item: DeploymentRecord) -> bool:
    """Where it is asked for, or image or command are other than what is live; a rollback goes to where it ran once."""
    if item.release:
        return True
    origin: DeploymentRecord | None = item
    while origin is not None and origin.action in AGAIN:
        origin = None if origin.base is None else await deployments.get(item.app_id, origin.base)
    if origin is not None and origin.action == "rollback":
        return False
    live = await deployments.live(item.app_id)
    command = item.spec.deploy.release_command
    return live is None or live.digest != item.digest or live.spec.deploy.release_command != command
