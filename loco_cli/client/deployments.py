"""Deployments: make, feed, cancel, follow."""

import time
from collections.abc import Iterator

from loco_cli.client.http import Http, StreamCutError
from loco_spec import api, paths
from loco_spec.errors import ServerUnreachable, TooManyRequests
from loco_spec.events import ENDED, DeploymentEvent

POLL_SECONDS = 2.0
GIVE_UP_SECONDS = 120.0
"""For so long a server may be away while a deployment is handed over, or followed."""


def create(http: Http, team: str, app: str, request: api.DeploymentCreate) -> api.DeploymentCreated:
    return http.post(paths.fill(paths.DEPLOYMENTS, team=team, app=app), api.DeploymentCreated, request)


def image(http: Http, item: api.Deployment, digest: str) -> api.Deployment:
    """Tell the server that the image is there. Repeated while the server is away: it knows that it is the same.

    Raises:
        ServerUnreachable: it stayed away for two minutes.
    """
    path = paths.fill(paths.IMAGE, team=item.team, app=item.app, number=item.number)
    since = time.monotonic()
    while True:
        try:
            return http.post(path, api.Deployment, api.ImagePushed(digest=digest))
        except ServerUnreachable:
            if time.monotonic() - since > GIVE_UP_SECONDS:
                raise
            time.sleep(POLL_SECONDS)


def cancel(http: Http, item: api.Deployment) -> api.Deployment:
    return http.post(paths.fill(paths.CANCEL, team=item.team, app=item.app, number=item.number), api.Deployment)


def keep_build_log(http: Http, item: api.Deployment, text: str) -> None:
    """Give the server the log of a build, while the deployment still waits for its image."""
    http.put_text(paths.fill(paths.BUILD_LOG, team=item.team, app=item.app, number=item.number), text)


def build_log(http: Http, team: str, app: str, number: int | None) -> api.BuildLog:
    """Give the log of a deployment's build; None: of the newest one that has a log."""
    if number is None:
        return http.get(paths.fill(paths.NEWEST_BUILD_LOG, team=team, app=app), api.BuildLog)
    return http.get(paths.fill(paths.BUILD_LOG, team=team, app=app, number=number), api.BuildLog)


def get(http: Http, item: api.Deployment) -> api.Deployment:
    return http.get(paths.fill(paths.DEPLOYMENT, team=item.team, app=item.app, number=item.number), api.Deployment)


def newest(http: Http, team: str, app: str, limit: int) -> api.Deployments:
    return http.get(paths.fill(paths.DEPLOYMENTS, team=team, app=app), api.Deployments, limit=str(limit))


def show(http: Http, team: str, app: str, number: int) -> tuple[api.DeploymentShown, tuple[DeploymentEvent, ...]]:
    """Give one, and all that has happened to it so far."""
    shown = http.get(paths.fill(paths.DEPLOYMENT, team=team, app=app, number=number), api.DeploymentShown)
    events = http.get(paths.fill(paths.EVENTS, team=team, app=app, number=number), api.DeploymentEvents)
    return shown, events.events


def redeploy(http: Http, team: str, app: str) -> api.Deployment:
    return http.post(paths.fill(paths.REDEPLOY, team=team, app=app), api.Deployment)


def follow(http: Http, item: api.Deployment) -> Iterator[DeploymentEvent | None]:
    """Give the deployment's events until its own work is over; None while nothing happens.

    A stream that breaks is resumed by its last id; where streams do not get through at all, the state is polled.

    Raises:
        ServerUnreachable: the server stayed away for two minutes.
    """
    path = paths.fill(paths.EVENTS, team=item.team, app=item.app, number=item.number)
    last, away_since = 0, None
    while True:
        heard = False
        try:
            with http.stream(path, last_id=str(last)) as stream:
                for message in stream:
                    heard, away_since = True, None
                    if message.event == "end":
                        return
                    if message.event != "event":
                        yield None
                        continue
                    event = DeploymentEvent.model_validate_json(message.data)
                    last = event.number
                    yield event
        except (StreamCutError, ServerUnreachable, TooManyRequests):
            pass  # asked next
        if not heard:
            try:
                if get(http, item).state in ENDED:
                    return
                away_since = None
            except (ServerUnreachable, TooManyRequests):
                away_since = away_since or time.monotonic()
                if time.monotonic() - away_since > GIVE_UP_SECONDS:
                    raise
        yield None
        time.sleep(POLL_SECONDS / 4)
