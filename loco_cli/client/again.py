"""Back to what served, and other numbers of replicas."""

from loco_cli.client.http import Http
from loco_spec import again, paths


def look(http: Http, team: str, app: str, number: int | None) -> again.Rollback:
    """Give what a rollback would change."""
    query = {} if number is None else {"number": str(number)}
    return http.get(paths.fill(paths.ROLLBACK, team=team, app=app), again.Rollback, **query)


def rollback(http: Http, team: str, app: str, request: again.RollbackStart) -> again.Rollback:
    return http.post(paths.fill(paths.ROLLBACK, team=team, app=app), again.Rollback, request)


def scale(http: Http, team: str, app: str, request: again.ScaleChange) -> again.Scaled:
    return http.post(paths.fill(paths.SCALE, team=team, app=app), again.Scaled, request)
