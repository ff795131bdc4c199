"""Results that are the CLI's own; the others are the API's."""

from pydantic import BaseModel, ConfigDict

from loco_spec import api


class _Result(BaseModel):
    model_config = ConfigDict(frozen=True)


class LoggedIn(_Result):
    server: str
    me: api.Me
    kept_in: str


class LoggedOut(_Result):
    server: str


class Versions(_Result):
    client: str
    server: str | None
    url: str


class Opened(_Result):
    url: str


class Deployed(_Result):
    deployment: api.Deployment
    unchanged: bool
    seconds: float
