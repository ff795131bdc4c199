"""The options that several commands share, worded once."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from loco_spec.errors import UsageError

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
App = Annotated[
    str | None, typer.Option("--app", "-a", help="The app; default: the one of this folder.", metavar="NAME")
]
Team = Annotated[str | None, typer.Option("--team", "-t", help="The team; default: your own.", metavar="NAME")]
Folder = Annotated[
    Path, typer.Argument(help="The folder with loco.toml or a Dockerfile.", show_default="this one", metavar="[FOLDER]")
]
Server = Annotated[str | None, typer.Option("--server", help="The server's URL.", metavar="URL")]
WaitTimeout = Annotated[
    str, typer.Option("--wait-timeout", help="How long to follow; the deployment goes on after it.", metavar="DURATION")
]
BuildArgs = Annotated[
    list[str] | None, typer.Option("--build-arg", help="A build argument; may be repeated.", metavar="KEY=VALUE")
]
ExitCode = Annotated[bool, typer.Option("--exit-code", help="End with 10 where something would change.")]
Detach = Annotated[bool, typer.Option("--detach", "-d", help="Do not wait for the rollout.")]
CancelOnInterrupt = Annotated[
    bool, typer.Option("--cancel-on-interrupt", help="Ctrl-C cancels the deployment, and nobody is asked.")
]

TeamAlone = Annotated[str | None, typer.Option("--team", help="The team; default: your own.", metavar="NAME")]
"""Where -t is a terminal's, as in `docker exec -it`."""
JsonErrors = Annotated[bool, typer.Option("--json", help="Print errors as JSON; stdout is the command's own.")]
Words = Annotated[
    list[str] | None,
    typer.Argument(help="The command; default, on a terminal: sh.", metavar="[-- CMD...]", show_default=False),
]
InstanceOf = Annotated[
    str | None, typer.Option("--instance", help="In this one: v12-1. Default: the first that runs.", metavar="NAME")
]
StdinPassed = Annotated[
    bool | None,
    typer.Option("--stdin/--no-stdin", "-i", help="Pass stdin on. Default: with a terminal, and what is piped."),
]
Terminal = Annotated[
    bool | None,
    typer.Option("--tty/--no-tty", "-t", help="Give it a terminal. Default: where stdin and stdout are one."),
]


@dataclass(frozen=True)
class Named:
    """Which app a command was told to be about; as text, what another command must be told to be about the same."""

    folder: Path = Path()
    app: str | None = None
    team: str | None = None

    def __str__(self) -> str:
        given = [] if self.folder == Path() else [str(self.folder)]
        given += [] if self.app is None else ["--app", self.app]
        given += [] if self.team is None else ["--team", self.team]
        return "".join(f" {shlex.quote(each)}" for each in given)


def deployment_number(text: str, option: str) -> int:
    """Read `v12` or `12`.

    Raises:
        UsageError: it is no number of a deployment.
    """
    digits = text.removeprefix("v")
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 9:
        raise UsageError(f"{option} {text!r} is not a deployment such as v12", hint="loco status")
    return int(digits)
