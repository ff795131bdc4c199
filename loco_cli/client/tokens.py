"""A team's access tokens for machines."""

from urllib.parse import quote

from loco_cli.client.http import Http
from loco_spec import paths
from loco_spec.tokens import AccessTokens, TokenCreate, TokenCreated


def create(http: Http, team: str, asked: TokenCreate) -> TokenCreated:
    return http.post(paths.fill(paths.TOKENS, team=team), TokenCreated, asked)


def tokens(http: Http, team: str) -> AccessTokens:
    return http.get(paths.fill(paths.TOKENS, team=team), AccessTokens)


def revoke(http: Http, team: str, token: str) -> None:
    http.delete(paths.fill(paths.TOKEN, team=team, token=quote(token, safe="")))
