"""Apps: list, look, destroy, read their logs."""

import time
from collections.abc import Iterator
from contextlib import suppress

from loco_cli.client.deployments import GIVE_UP_SECONDS, POLL_SECONDS
from loco_cli.client.http import Http, StreamCutError
from loco_spec import api, paths
from loco_spec.errors import EngineUnavailable, ServerUnreachable, TooManyRequests, from_problem
from loco_spec.events import LogBatch, StreamFault


def apps(http: Http, team: str) -> api.Apps:
    return http.get(paths.fill(paths.APPS, team=team), api.Apps)


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


def logs(
    http: Http,
    team: str,
    app: str,
    *,
    lines: int | None,
    since: str | None,
    follow: bool,
    instance: str | None = None,
    previous: bool = False,
) -> Iterator[LogBatch | None]:
    """Give batches of lines; following, for ever, resumed where a cut left off. None: the connection was lost just now.

    Raises:
        NotFound: the app has no instance of that name; the hint names those that it has.
        ServerUnreachable: not following, and cut in the middle.
    """
    path = paths.fill(paths.LOGS, team=team, app=app)
    query = {"follow": "1"} if follow else {}
    if instance is not None:
        query["instance"] = instance
    if previous:
        query["previous"] = "1"
    if since is not None:
        query["since"] = since
    if lines is not None:
        query["lines"] = str(lines)
    position: str | None = None
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
