"""The options that several commands share, worded once."""

from pathlib import Path
from typing import Annotated

import typer

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
