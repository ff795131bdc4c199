"""The API's URL paths: one function or constant each, used by the client and by the server's endpoint table."""

SERVER = "/v1/server"
LOGIN = "/v1/login"
LOGIN_CI = "/v1/login/ci"
"""Stands before LOGIN_FINISH in the endpoint table; a sign-in's id has a dash."""
LOGIN_FINISH = "/v1/login/{login}"
SESSION = "/v1/session"
ME = "/v1/me"
APPS = "/v1/teams/{team}/apps"
APP = "/v1/teams/{team}/apps/{app}"
DEPLOYMENTS = "/v1/teams/{team}/apps/{app}/deployments"
DEPLOYMENT = "/v1/teams/{team}/apps/{app}/deployments/{number}"
IMAGE = "/v1/teams/{team}/apps/{app}/deployments/{number}/image"
CANCEL = "/v1/teams/{team}/apps/{app}/deployments/{number}/cancel"
EVENTS = "/v1/teams/{team}/apps/{app}/deployments/{number}/events"
BUILD_LOG = "/v1/teams/{team}/apps/{app}/deployments/{number}/build-log"
NEWEST_BUILD_LOG = "/v1/teams/{team}/apps/{app}/build-log"
REDEPLOY = "/v1/teams/{team}/apps/{app}/redeploy"
LOGS = "/v1/teams/{team}/apps/{app}/logs"
VARIABLES = "/v1/teams/{team}/apps/{app}/variables"
VARIABLES_HISTORY = "/v1/teams/{team}/apps/{app}/variables/history"
VARIABLES_PURGE = "/v1/teams/{team}/apps/{app}/variables/{name}/purge"
SOURCE = "/v1/teams/{team}/apps/{app}/source"
TRUST = "/v1/teams/{team}/trust"
TRUST_RULE = "/v1/teams/{team}/trust/{rule}"
SCHEMA = "/v1/loco.schema.json"
DOCS = "/docs/{name}"
REGISTRY_TOKEN = "/registry/token"  # noqa: S105  a path


def fill(path: str, **parts: str | int) -> str:
    """Put names into a path: `fill(APP, team="acme", app="shop")`. Slugs and numbers: nothing to quote."""
    return path.format(**parts)
