"""The server itself, signing in and out, and who one is."""

from loco_cli.client.http import Http
from loco_spec import api, paths


def server(http: Http) -> api.Server:
    return http.get_public(paths.SERVER, api.Server)


def login_start(http: Http, provider: str) -> api.LoginPrompt:
    return http.post(paths.LOGIN, api.LoginPrompt, api.LoginStart(provider=provider), signed_in=False)


def login_finish(http: Http, login: str, proof: str | None, invitation: str | None = None) -> api.SignedIn:
    path = paths.fill(paths.LOGIN_FINISH, login=login)
    body = api.LoginFinish(proof=proof, invitation=invitation)
    return http.post(path, api.SignedIn, body, signed_in=False)


def logout(http: Http) -> None:
    http.delete(paths.SESSION, timeout=10)


def me(http: Http) -> api.Me:
    return http.get(paths.ME, api.Me)
