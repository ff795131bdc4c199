"""Apps: list, look, destroy, read their logs."""

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from loco_cli import seen
from loco_cli.client.deployments import GIVE_UP_SECONDS, POLL_SECONDS
from loco_cli.client.http import Http, StreamCutError
from loco_spec import api, paths
from loco_spec.errors import EngineUnavailable, ServerUnreachable, TooManyRequests, from_problem
from loco_spec.events import LogBatch, StreamFault


def apps(http: Http, team: str) -> api.Apps:
    found = http.get(paths.fill(paths.APPS, team=team), api.Apps)
    seen.remember("app", (each.app for each in found.apps))
    return found


def status(http: Http, team: str, app: str) -> api.AppStatus:
    return http.get(paths.fill(paths.APP, team=team, app=app), api.AppStatus)


def destroy(http: Http, team: str, app: str) -> None:
    """Destroy it. A server that goes away meanwhile goes on by itself when it is back: that is waited for.

    It is not asked twice: by then there may be a new app of that name.

    Raises:
        ServerUnreachable: it stayed away for two minutes, or had begun nothing.
    """
    try:
        http.delete(paths.fill(paths.APP, team=team, app=app))
    except ServerUnreachable:
        since, state = time.monotonic(), "destroying"
        while state == "destroying" and time.monotonic() - since < GIVE_UP_SECONDS:
            time.sleep(POLL_SECONDS)
            with suppress(ServerUnreachable):
                state = next((each.state for each in apps(http, team).apps if each.app == app), "gone")
        if state != "gone":
            raise


@dataclass(frozen=True)
class Asked:
    """Which lines of an app's log."""

    follow: bool = False
    lines: int | None = None
    """At most so many of the newest."""
    since: datetime | None = None
    until: datetime | None = None
    instance: str | None = None
    deployment: int | None = None
    previous: bool = False

    def query(self) -> dict[str, str]:
        found = {
            "follow": "1" if self.follow else None,
            "instance": self.instance,
            "deployment": self.deployment,
            "previous": "1" if self.previous else None,
            "since": self.since and self.since.isoformat(),
            "until": self.until and self.until.isoformat(),
            "lines": self.lines,
        }
        return {name: str(value) for name, value in found.items() if value is not None}


def logs(http: Http, team: str, app: str, asked: Asked, *, position: str | None = None) -> Iterator[LogBatch | None]:
    """Give batches of lines; following, for ever, resumed where a cut left off. None: the connection was lost just now.

    With a position: what stands behind it.

    Raises:
        NotFound: there is no such instance, or nothing is kept of the deployment; the hint says what there is.
        ServerUnreachable: not following, and cut in the middle.
    """
    path = paths.fill(paths.LOGS, team=team, app=app)
    query, follow = asked.query(), asked.follow
    while True:
        try:
            with http.stream(path, last_id=position, **query) as stream:
                for message in stream:
                    if message.event == "lines":
                        batch = LogBatch.model_validate_json(message.data)
                        position = batch.position
                        query.pop("lines", None)
                        yield batch
                    elif message.event == "error":
                        raise from_problem(StreamFault.model_validate_json(message.data).problem, status=500)
                    elif message.event == "end":
                        return
            if not follow:
                return
        except (EngineUnavailable, TooManyRequests):
            if not follow:
                raise
        except (StreamCutError, ServerUnreachable) as e:
            if not follow or (position is None and isinstance(e, ServerUnreachable)):
                raise (
                    e
                    if isinstance(e, ServerUnreachable)
                    else ServerUnreachable(f"the connection to {http.server} was cut", hint="run the command again")
                ) from e
        yield None
