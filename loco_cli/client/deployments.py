"""Deployments: make, feed, cancel, follow."""

import time
from collections.abc import Iterator

from loco_cli import seen
from loco_cli.client.http import Http, StreamCutError
from loco_spec import api, paths
from loco_spec.changes import Plan
from loco_spec.errors import LocoError, ServerFault, ServerUnreachable, TooManyRequests
from loco_spec.events import ENDED, DeploymentEvent

POLL_SECONDS = 2.0
GIVE_UP_SECONDS = 120.0
"""For so long a server may be away while a deployment is followed."""
STREAM_AGAIN_SECONDS = 30.0
"""A stream of which nothing gets through is asked for again after so long; until then events are polled."""
NO_ANSWER = (ServerUnreachable, ServerFault, TooManyRequests)


def create(http: Http, team: str, app: str, request: api.DeploymentCreate) -> api.DeploymentCreated:
    return http.post(paths.fill(paths.DEPLOYMENTS, team=team, app=app), api.DeploymentCreated, request)


def plan(http: Http, team: str, app: str, request: api.DeploymentCreate) -> Plan:
    return http.post(paths.fill(paths.PLAN, team=team, app=app), Plan, request)


def image(http: Http, item: api.Deployment, digest: str) -> api.Deployment:
    """Tell the server that the image is there. Repeated while the answer is lost: the server knows it is the same."""
    path, away = paths.fill(paths.IMAGE, team=item.team, app=item.app, number=item.number), Away()
    while True:
        try:
            return http.post(path, api.Deployment, api.ImagePushed(digest=digest))
        except ServerUnreachable as error:
            away.bear(error)
        time.sleep(POLL_SECONDS)


def cancel(http: Http, item: api.Deployment, failure: api.Failure | None = None) -> api.Deployment:
    """`failure`: why no image will come; None: somebody wants it to end."""
    path = paths.fill(paths.CANCEL, team=item.team, app=item.app, number=item.number)
    return http.post(path, api.Deployment, None if failure is None else api.Cancel(failure=failure))


def keep_build_log(http: Http, item: api.Deployment, text: str) -> None:
    """Give the server the log of a build, while the deployment still waits for its image."""
    http.put_text(paths.fill(paths.BUILD_LOG, team=item.team, app=item.app, number=item.number), text)


def build_log(http: Http, team: str, app: str, number: int | None) -> api.BuildLog:
    """Give the log of a deployment's build; None: of the newest one that has a log."""
    if number is None:
        return http.get(paths.fill(paths.NEWEST_BUILD_LOG, team=team, app=app), api.BuildLog)
    return http.get(paths.fill(paths.BUILD_LOG, team=team, app=app, number=number), api.BuildLog)


def find(http: Http, team: str, app: str, number: int) -> api.Deployment:
    return http.get(paths.fill(paths.DEPLOYMENT, team=team, app=app, number=number), api.Deployment)


def get(http: Http, item: api.Deployment) -> api.Deployment:
    return find(http, item.team, item.app, item.number)


def newest(http: Http, team: str, app: str, limit: int) -> api.Deployments:
    found = http.get(paths.fill(paths.DEPLOYMENTS, team=team, app=app), api.Deployments, limit=str(limit))
    seen.remember("deployment", (f"v{each.number}" for each in found.deployments))
    return found


def shown(http: Http, team: str, app: str, number: int) -> api.DeploymentShown:
    return http.get(paths.fill(paths.DEPLOYMENT, team=team, app=app, number=number), api.DeploymentShown)


def redeploy(http: Http, team: str, app: str) -> api.Deployment:
    return http.post(paths.fill(paths.REDEPLOY, team=team, app=app), api.Deployment)


def events(http: Http, item: api.Deployment, after: int = 0) -> tuple[DeploymentEvent, ...]:
    """Give what has happened so far, after the event of that number."""
    path = paths.fill(paths.EVENTS, team=item.team, app=item.app, number=item.number)
    return http.get(path, api.DeploymentEvents, after=str(after)).events


def follow(http: Http, item: api.Deployment) -> Iterator[DeploymentEvent | None]:
    """Give the deployment's events until its own work is over; None while nothing happens.

    A stream that breaks is resumed by its last id; where streams do not get through at all, events are polled.

    Raises:
        ServerUnreachable, ServerFault, TooManyRequests: the server gave no answer for two minutes.
        LocoError: it refuses to tell.
    """
    path = paths.fill(paths.EVENTS, team=item.team, app=item.app, number=item.number)
    last, stream_at, away = 0, 0.0, Away()
    while True:
        heard, pause, asked_at = False, POLL_SECONDS / 4, time.monotonic()
        try:
            if asked_at >= stream_at:
                with http.stream(path, last_id=str(last)) as stream:
                    for message in stream:
                        heard = message.event != "error"  # what it says is asked next
                        if message.event == "end":
                            return
                        if message.event != "event":
                            yield None
                            continue
                        event = DeploymentEvent.model_validate_json(message.data)
                        last = event.number
                        yield event
        except (StreamCutError, LocoError):
            pass  # a proxy may refuse streams alone
        if heard:
            away.over()
        else:
            if (now := time.monotonic()) - asked_at > POLL_SECONDS:  # connected, and silent: somebody keeps it back
                stream_at = now + STREAM_AGAIN_SECONDS
            try:
                ended = get(http, item).state in ENDED  # before its events, of which none is missing then
                for event in events(http, item, last):
                    last = event.number
                    yield event
                if ended:
                    return
                pause = POLL_SECONDS
                away.over()
            except NO_ANSWER as error:
                away.bear(error)
        yield None
        time.sleep(pause)


def ended(http: Http, item: api.Deployment) -> api.Deployment:
    """Give how a deployment ended, of which a stream said that it has. Raises as `follow` does."""
    away = Away()
    while True:
        try:
            return get(http, item)
        except NO_ANSWER as error:
            away.bear(error)
        time.sleep(POLL_SECONDS / 4)


class Away:
    """Since when the server gives no answer."""

    def __init__(self) -> None:
        self._since: float | None = None

    def over(self) -> None:
        self._since = None

    def bear(self, error: LocoError) -> bool:
        """Give whether it is new; raises the error when it has lasted too long."""
        now, new = time.monotonic(), self._since is None
        self._since = now if self._since is None else self._since
        if now - self._since > GIVE_UP_SECONDS:
            raise error
        return new
