"""`loco login`: sign in to a server; by a file on its own machine, by a provider, as a CI job, or with a token."""

import os
import re
import sys
import time
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from loco_cli import config, sign_in
from loco_cli.client import account, ci
from loco_cli.client.http import Http
from loco_cli.context import Context, opened
from loco_cli.credentials import Token
from loco_cli.sign_in import Way, Wish
from loco_cli.ui.results import LoggedIn
from loco_spec import toml
from loco_spec.api import LoginPrompt, SignedIn
from loco_spec.errors import NotSignedIn, ProviderDown, SignInExpired, SignInPending, UsageError

_PROOF_NAME = re.compile(r"local-[a-z2-7]{20}")
"""A server names the file of a proof after the sign-in. Whoever took the server's port may name any other."""
_PROOF_MAX = 200

TokenStdin = Annotated[bool, typer.Option("--token-stdin", help="Read a token from stdin instead.")]
Provider = Annotated[
    str | None, typer.Option("--provider", help="By whom: github, google, local.", metavar="NAME", show_default=False)
]
NoBrowser = Annotated[bool, typer.Option("--no-browser", help="Show code and address; open nothing.")]
Ci = Annotated[bool, typer.Option("--ci", help="As the CI job that this is; needs a trust rule, and --team.")]
Team = Annotated[
    str | None,
    typer.Option("--team", "-t", help="With --ci: for which team; default: loco.toml's.", metavar="NAME"),
]
App = Annotated[str | None, typer.Option("--app", "-a", help="With --ci: for which app alone.", metavar="NAME")]
Invitation = Annotated[
    bool, typer.Option("--invitation", help="You are new and have an invitation: ask for its code (LOCO_INVITATION).")
]


def command(
    provider: Provider = None,
    no_browser: NoBrowser = False,
    invitation: Invitation = False,
    ci: Ci = False,
    team: Team = None,
    app: App = None,
    token_stdin: TokenStdin = False,
) -> None:
    """Sign in to a server, and make it the default.

    On the machine that runs `loco-server local` nothing is asked: whoever can read the server's files is its
    administrator. Elsewhere a browser, here or on a telephone, confirms it. A CI job signs in by its own identity.

    Examples:
        loco login
        loco login --server https://loco.example.com
        loco login --token-stdin < token.txt
    """
    with opened() as context:
        if token_stdin:
            context.ui.result(run_token(context, sys.stdin.read().strip()))
            return
        wish = Wish(provider=provider, browser=not no_browser, ci=ci)
        code = _invitation(context) if invitation else None
        context.ui.result(run(context, wish, team=team, app=app, invitation=code))


def run_token(context: Context, token: str) -> LoggedIn:
    """Try a token, and remember it.

    Raises:
        NotSignedIn: it is not good.
    """
    if not token:
        raise UsageError("there is no token on stdin", hint="loco login --token-stdin < FILE")
    me = account.me(Http(context.server, Token(token, "stdin")))
    return _remember(context, SignedIn(token=token, me=me))


def run(
    context: Context,
    wish: Wish,
    *,
    team: str | None = None,
    app: str | None = None,
    invitation: str | None = None,
) -> LoggedIn:
    """Sign in by the way that fits where this runs, and remember it.

    Raises:
        NotSignedIn: it was not completed, or cannot be from here.
    """
    url = context.server.value
    http = Http(context.server, None)
    try:
        http.refuse_plain("a token")
        given = context.given
        here = sign_in.surroundings(url, json=given.json, no_input=given.no_input)
        # A job needs no provider: what the server has is asked for people only.
        providers = () if wish.ci else account.server(http).providers
        choice = sign_in.decide(here, providers, wish)
        if choice.way is Way.CI:
            found = _as_job(http, url, team, app)
        else:
            prompt = account.login_start(http, choice.provider)
            if choice.way is Way.FILE:
                found = account.login_finish(http, prompt.login, _proof(prompt, url), invitation)
            else:
                found = _by_device(context, http, prompt, open_it=choice.way is Way.BROWSER, invitation=invitation)
    finally:
        http.close()
    return _remember(context, found)


def _remember(context: Context, found: SignedIn) -> LoggedIn:
    url = context.server.value
    kept_in = context.credentials.keep(url, found.token)
    config.remember_server(url)
    return LoggedIn(server=url, me=found.me, kept_in=kept_in)


def _as_job(http: Http, url: str, team: str | None, app: str | None) -> SignedIn:
    """For one team, named by the person: who else writes a rule about this repository must not decide that."""
    if team is None and toml.find(Path()) is not None:
        team = toml.load(Path()).team
    if team is None:
        raise UsageError("a CI job signs in for a team", hint="loco login --ci --team NAME, or team in loco.toml")
    return ci.login(http, ci.identity_token(url), team, app)


def _by_device(context: Context, http: Http, prompt: LoginPrompt, *, open_it: bool, invitation: str | None) -> SignedIn:
    """Show code and address, and wait until the person has confirmed it there."""
    code, address = prompt.user_code, prompt.verification_uri
    if code is None or address is None or not _is_page(address):
        raise NotSignedIn(f"{http.server} asks for a sign-in that this loco does not know", hint="loco version")
    context.ui.step(
        f"open {address} and enter the code {code}",
        needed=True,
        user_code=code,
        verification_uri=address,
        provider=prompt.provider,
    )
    if open_it and not _opens(address):
        context.ui.note("there is no browser here; any other one will do")
    ends_at = time.monotonic() + prompt.expires_in
    interval, told = prompt.interval, False
    while True:
        context.ui.working(f"waiting until {prompt.provider} says that it is you")
        time.sleep(interval)
        try:
            return account.login_finish(http, prompt.login, None, invitation)
        except SignInPending as e:  # SignInSlowDown too: it brings the new interval
            interval = max(e.retry_after or interval, 1)
        except ProviderDown as e:
            interval = max(e.retry_after or interval, interval)
            if not told:
                context.ui.note(f"{e.message}; asking again")
                told = True
        if time.monotonic() >= ends_at:
            raise SignInExpired("nobody confirmed the sign-in in time", hint="loco login")


def _is_page(address: str) -> bool:
    """Whether it may be opened: a server could name a file or a script."""
    parts = urlsplit(address)
    return parts.scheme == "https" or (parts.scheme == "http" and config.is_loopback(address))


def _opens(address: str) -> bool:
    import webbrowser

    try:
        return webbrowser.open(address)
    except webbrowser.Error:
        return False


def _invitation(context: Context) -> str:
    given = os.environ.get("LOCO_INVITATION", "").strip()
    if not given and not context.ui.can_ask:
        raise UsageError("there is no terminal to ask for the invitation's code", hint="set LOCO_INVITATION")
    return given or context.ui.ask("The invitation's code:")


def _proof(prompt: LoginPrompt, url: str) -> str:
    if prompt.file is None:
        raise NotSignedIn(f"{url} asks for a sign-in that this loco does not know", hint="loco version")
    if not config.is_loopback(url):
        # A file named by somebody else's server is not to be read and sent to it.
        raise NotSignedIn(
            f"{url} is not on this machine; its sign-in by file works there alone", hint="loco login there"
        )
    path = Path(prompt.file)
    if not _PROOF_NAME.fullmatch(path.name):
        raise NotSignedIn(f"{path} is not a file that a loco server writes, and is not sent to {url}")
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), encoding="ascii") as file:
            text = file.read(_PROOF_MAX + 1).strip()
    except (OSError, UnicodeDecodeError) as e:
        raise NotSignedIn(
            f"{path} cannot be read: only the user who runs the server on this machine can sign in so",
            hint="run it as that user, or: loco login --token-stdin",
        ) from e
    if len(text) > _PROOF_MAX:
        raise NotSignedIn(f"{path} is not what a loco server writes")
    return text
