"""From where an app may be deployed: by anybody who may deploy, or by trusted CI jobs."""

from loco_server.flows.login import Caller
from loco_server.policy import trust
from loco_server.records.values import AppRecord
from loco_spec.errors import NotAllowed


def refuse_source(app: AppRecord, by: Caller) -> None:
    """Keep to the app's policy about who deploys it. Everything that makes a deployment asks this first.

    Raises:
        NotAllowed: with the policy in words.
    """
    refused = trust.may_deploy(app.name, app.source, app.deployers, user_id=by.user.id, token_kind=by.token.kind)
    if refused is not None:
        raise NotAllowed(refused, hint=f"push to the repository; or an admin: loco trust require any --app {app.name}")
