"""Records become responses."""

from loco_server.policy import hosts
from loco_server.records.values import AppRecord, DeploymentRecord
from loco_spec.api import Deployment, DeploymentShown


def deployment(app: AppRecord, item: DeploymentRecord, *, edge_url: str) -> Deployment:
    return Deployment(
        team=app.team,
        app=app.name,
        number=item.number,
        state=item.state,
        reason=item.reason,
        action=item.action,
        base=item.base,
        digest=item.digest,
        created_by=item.created_by,
        created_at=item.created_at,
        live_at=item.live_at,
        ended_at=item.ended_at,
        urls=hosts.urls(item.routes, edge_url=edge_url),
        diagnosis=item.diagnosis,
    )


def shown(app: AppRecord, item: DeploymentRecord, *, edge_url: str) -> DeploymentShown:
    scale = item.spec.scale
    return DeploymentShown(
        **dict(deployment(app, item, edge_url=edge_url)),
        variables=dict(item.variables),
        replicas=scale.least,
        replicas_most=scale.most,
        release_command=item.spec.deploy.release_command,
        image_kept=item.digest is not None and not item.image_deleted,
    )
