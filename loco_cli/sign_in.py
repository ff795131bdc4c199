"""How to sign in from here: one decision about where the command runs, made before anybody is asked anything."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from loco_cli.config import is_loopback
from loco_cli.given import is_on
from loco_spec.errors import NotSignedIn, UsageError


class Way(StrEnum):
    FILE = "file"
    """By a file of the server's user, on the server's own machine."""
    BROWSER = "browser"
    """A code, and the page where it is typed is opened."""
    CODE = "code"
    """A code and an address, for a browser somewhere else."""
    CI = "ci"
    """The identity that a CI job is given by where it runs."""


@dataclass(frozen=True)
class Choice:
    way: Way
    provider: str = ""


@dataclass(frozen=True)
class Surroundings:
    """Where a command runs."""

    terminal: bool = True
    """Somebody sits there."""
    asks: bool = True
    """And is asked: no --no-input."""
    ci: bool = False
    job: bool = False
    """A CI job's identity can be had."""
    ssh: bool = False
    display: bool = True
    """A browser could show something."""
    json: bool = False
    token: bool = False
    """LOCO_TOKEN is set."""
    loopback: bool = False
    """The server is on this machine."""


@dataclass(frozen=True)
class Wish:
    """What the command line asks for."""

    provider: str | None = None
    browser: bool = True
    ci: bool = False


def surroundings(
    server: str, *, json: bool, no_input: bool = False, environment: Mapping[str, str] = os.environ
) -> Surroundings:
    return Surroundings(
        terminal=somebody_sits_there(),
        asks=not no_input,
        ci=any(is_on(name, environment) for name in ("CI", "GITHUB_ACTIONS", "GITLAB_CI")),
        job=has_job_identity(environment),
        ssh=bool(environment.get("SSH_CONNECTION") or environment.get("SSH_TTY")),
        display=sys.platform != "linux" or bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")),
        json=json,
        token=bool(environment.get("LOCO_TOKEN", "").strip()),
        loopback=is_loopback(server),
    )


def somebody_sits_there() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def has_job_identity(environment: Mapping[str, str]) -> bool:
    """Whether this is a CI job that can say who it is: GitHub's two variables, or GitLab's `id_tokens`."""
    github = environment.get("ACTIONS_ID_TOKEN_REQUEST_URL") and environment.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
    return bool(github or environment.get("LOCO_ID_TOKEN"))


def decide(here: Surroundings, providers: Sequence[str], wish: Wish) -> Choice:
    """Choose the way in.

    Raises:
        NotSignedIn: nobody is there to confirm anything; names the variable to set.
        UsageError: what was asked for is not there, or it is not clear which one is meant.
    """
    if wish.ci or (here.ci and here.job and not here.token and wish.provider is None):
        if not here.job:
            raise UsageError(
                "no identity of a CI job is to be had here: on GitHub the job needs `permissions: id-token: write`, "
                "on GitLab `id_tokens:` with LOCO_ID_TOKEN",
                hint="loco docs ci",
            )
        return Choice(Way.CI)
    provider = wish.provider or _one_of(providers, here)
    if provider not in providers:
        raise UsageError(f"the server has no sign-in by {provider}", hint=_listed(providers))
    if provider == "local":
        return Choice(Way.FILE, provider)
    if here.ci or not (here.terminal and here.asks):
        where = "in a CI job" if here.ci else "with --no-input" if here.terminal else "without a terminal"
        raise NotSignedIn(f"nobody can confirm a sign-in {where}", hint="set LOCO_TOKEN to a token of the server's")
    shows = wish.browser and here.display and not here.ssh and not here.json
    return Choice(Way.BROWSER if shows else Way.CODE, provider)


def _one_of(providers: Sequence[str], here: Surroundings) -> str:
    """On the server's own machine nothing is asked; elsewhere there must be one provider, or a word about which."""
    if "local" in providers and here.loopback:
        return "local"
    others = [name for name in providers if name != "local"]
    if not others:
        raise NotSignedIn(
            "the server has a sign-in for its own machine only, and that is not this one",
            hint="loco login there, or set LOCO_TOKEN",
        )
    if len(others) > 1:
        raise UsageError(f"the server has several sign-ins: {', '.join(others)}", hint=_listed(others))
    return others[0]


def _listed(providers: Sequence[str]) -> str:
    return " or ".join(f"loco login --provider {name}" for name in providers)
