"""The server itself, signing in and out, who one is, and one's account."""

from urllib.parse import quote

from loco_cli import seen
from loco_cli.client.http import DESTROY_SECONDS, Http
from loco_spec import account, api, paths


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
    found = http.get(paths.ME, api.Me)
    seen.remember("team", (each.name for each in found.teams))
    return found


def show(http: Http) -> account.Account:
    return http.get(paths.ACCOUNT, account.Account)


def sessions(http: Http) -> account.Sessions:
    return http.get(paths.SESSIONS, account.Sessions)


def revoke_session(http: Http, session: str) -> None:
    http.delete(paths.fill(paths.ACCOUNT_SESSION, session=quote(session, safe="")))


def revoke_other_sessions(http: Http) -> account.SessionsRevoked:
    return http.delete_for(paths.SESSIONS, account.SessionsRevoked)


def delete(http: Http, confirm: str, *, with_apps: bool) -> account.AccountDeleted:
    """End the account; with apps it takes as long as their containers take to end."""
    body = account.AccountDelete(confirm=confirm, with_apps=with_apps)
    return http.post(paths.ACCOUNT_DELETE, account.AccountDeleted, body, timeout=DESTROY_SECONDS)
