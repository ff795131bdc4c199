"""`loco login`: sign in to a server; by a file on the server's own machine, or with a token from stdin."""

import os
import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from loco_cli import config
from loco_cli.client import account
from loco_cli.client.http import Http
from loco_cli.context import Context, opened
from loco_cli.credentials import Token
from loco_cli.options import Json, Server
from loco_cli.ui.results import LoggedIn
from loco_spec.api import LoginPrompt, Me
from loco_spec.errors import NotSignedIn, UsageError

_PROOF_NAME = re.compile(r"local-[a-z2-7]{20}")
"""A server names the file of a proof after the sign-in. Whoever took the server's port may name any other."""
_PROOF_MAX = 200

TokenStdin = Annotated[bool, typer.Option("--token-stdin", help="Read a token from stdin instead.")]


def command(server: Server = None, token_stdin: TokenStdin = False, json: Json = False) -> None:
    """Sign in to a server, and make it the default.

    On the machine that runs `loco-server local` nothing is asked: whoever can read the server's files is its
    administrator.
    """
    with opened(json=json, server=server) as context:
        context.ui.result(run(context, token=sys.stdin.read().strip() if token_stdin else None))


def run(context: Context, *, token: str | None) -> LoggedIn:
    """Sign in and remember it.

    Raises:
        NotSignedIn: the token is not good, or the sign-in was not completed.
    """
    url = context.server.value
    if token is not None:
        if not token:
            raise UsageError("there is no token on stdin", hint="loco login --token-stdin < FILE")
        text, me = token, _known(context, token)
    else:
        http = Http(context.server, None)
        prompt = account.login_start(http, "local")
        signed_in = account.login_finish(http, prompt.login, _proof(prompt, url))
        text, me = signed_in.token, signed_in.me
    kept_in = context.credentials.keep(url, text)
    config.remember_server(url)
    return LoggedIn(server=url, me=me, kept_in=kept_in)


def _known(context: Context, token: str) -> Me:
    return account.me(Http(context.server, Token(token, "stdin")))


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
