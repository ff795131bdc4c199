"""Variables: values go to the server, and none comes back."""

from loco_cli.client.http import Http
from loco_spec import paths
from loco_spec import variables as wire


def change(http: Http, team: str, app: str, request: wire.VariablesChange) -> wire.VariablesChanged:
    return http.post(paths.fill(paths.VARIABLES, team=team, app=app), wire.VariablesChanged, request)


def current(http: Http, team: str, app: str) -> wire.Variables:
    return http.get(paths.fill(paths.VARIABLES, team=team, app=app), wire.Variables)


def history(http: Http, team: str, app: str, name: str | None) -> wire.VariablesHistory:
    query = {} if name is None else {"name": name}
    return http.get(paths.fill(paths.VARIABLES_HISTORY, team=team, app=app), wire.VariablesHistory, **query)


def purge(http: Http, team: str, app: str, name: str) -> wire.VariablePurged:
    return http.post(paths.fill(paths.VARIABLES_PURGE, team=team, app=app, name=name), wire.VariablePurged)
