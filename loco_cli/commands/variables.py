"""`loco variables`: what an app is told by its environment. Values are sealed by the server and never come back."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from loco_cli import dotenv_file
from loco_cli.client import variables
from loco_cli.context import Context, Target, opened
from loco_cli.following import Follower, Waiting
from loco_cli.lazy import group as new_group
from loco_cli.options import App, Named, Team, WaitTimeout
from loco_cli.ui.results import VariablesDone
from loco_spec import variables as wire
from loco_spec.errors import DeploymentFailed, UsageError
from loco_spec.suspicious import looks_secret
from loco_spec.variables import VariablesChange

group = new_group("Set, list and unset an app's environment variables. They win over [env] in loco.toml.")

Pairs = Annotated[list[str], typer.Argument(help="NAME=VALUE; a NAME alone is asked for.", metavar="NAME=VALUE...")]
Names = Annotated[list[str], typer.Argument(help="Names.", metavar="NAME...")]
Name = Annotated[str | None, typer.Argument(help="One alone; default: all.", metavar="NAME", show_default=False)]
File = Annotated[str, typer.Argument(help="A .env file; - is stdin.", metavar="FILE")]
Stage = Annotated[bool, typer.Option("--stage", help="Wait for the next deployment instead of rolling one.")]
Stdin = Annotated[bool, typer.Option("--stdin", help="Read the value of the one NAME from stdin.")]
Purge = Annotated[bool, typer.Option("--purge", help="Take every value that it ever had away, for good.")]


@group.command("set")
def set_(
    pairs: Pairs,
    stdin: Stdin = False,
    stage: Stage = False,
    app: App = None,
    team: Team = None,
    wait_timeout: WaitTimeout = "10m",
) -> None:
    """Set variables, and roll a deployment that has them. For secrets: loco variables set NAME --stdin.

    Examples:
        loco variables set LOG_LEVEL=debug
        loco variables set API_KEY --stdin < key.txt
        loco variables set GREETING=hello --stage
    """
    with opened() as context:
        values = _from_stdin(pairs) if stdin else _given(context, pairs)
        context.ui.result(_change(context, values, (), app, team, stage=stage, wait_timeout=wait_timeout))


@group.command("import")
def import_(
    file: File,
    stage: Stage = False,
    app: App = None,
    team: Team = None,
    wait_timeout: WaitTimeout = "10m",
) -> None:
    """Set all variables of a .env file, or none of them when one cannot be set.

    Examples:
        loco variables import .env
        loco variables import - --app shop < .env
    """
    with opened() as context:
        try:
            raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        except OSError as e:
            raise UsageError(f"{file} cannot be read: {e.strerror}", hint="loco variables import .env") from e
        values = dotenv_file.read(raw, source="stdin" if file == "-" else file, note=context.ui.note)
        if not values:
            raise UsageError(f"{file} has no variables", hint="loco variables import .env")
        context.ui.result(_change(context, values, (), app, team, stage=stage, wait_timeout=wait_timeout))


@group.command()
def unset(
    names: Names,
    purge: Purge = False,
    stage: Stage = False,
    app: App = None,
    team: Team = None,
    wait_timeout: WaitTimeout = "10m",
) -> None:
    """Unset variables, and roll a deployment without them.

    Examples:
        loco variables unset LOG_LEVEL
        loco variables unset API_KEY --purge
    """
    with opened() as context:
        for name in names:
            _checked(name)
        target = context.target(Path(), app=app, team=team)
        done = _changed(context, target, {}, names, stage=stage, wait_timeout=wait_timeout)
        if purge:
            gone = tuple(variables.purge(context.http, target.team, target.app, name) for name in dict.fromkeys(names))
            done = done.model_copy(update={"purged": gone})
        context.ui.result(done)


@group.command("list")
def list_(app: App = None, team: Team = None) -> None:
    """List the variables: who set them and when, and whether the app has them. Values are shown to nobody.

    Examples:
        loco variables list
        loco variables list --app shop --json
    """
    with opened() as context:
        target = context.target(Path(), app=app, team=team)
        context.ui.result(variables.current(context.http, target.team, target.app))


@group.command()
def history(name: Name = None, app: App = None, team: Team = None) -> None:
    """Show every version of the variables, the newest first.

    Examples:
        loco variables history
        loco variables history API_KEY
    """
    with opened() as context:
        if name is not None:
            _checked(name)
        target = context.target(Path(), app=app, team=team)
        context.ui.result(variables.history(context.http, target.team, target.app, name))


def _change(
    context: Context,
    values: dict[str, str],
    unset_: tuple[str, ...],
    app: str | None,
    team: str | None,
    *,
    stage: bool,
    wait_timeout: str,
) -> VariablesDone:
    target = context.target(Path(), app=app, team=team)
    return _changed(context, target, values, unset_, stage=stage, wait_timeout=wait_timeout)


def _changed(
    context: Context,
    target: Target,
    values: dict[str, str],
    unset_: list[str] | tuple[str, ...],
    *,
    stage: bool,
    wait_timeout: str,
) -> VariablesDone:
    """Send the change, say what became of it, and follow the deployment that brings it."""
    follower = Follower(context, Waiting(wait_timeout), Named(app=target.app, team=target.team))
    request = VariablesChange(set=values, unset=tuple(unset_), stage=stage)
    done = follower.begun(
        lambda: variables.change(context.http, target.team, target.app, request), lambda made: made.deployment
    )
    if done.made_app:
        context.ui.note(f"{target.app} of team {target.team} is new; its variables wait for its first deployment")
    item = done.deployment
    if item is None:
        return VariablesDone(change=done)
    context.ui.step(f"v{item.number} of {target.app} (team {target.team}) brings it")
    try:
        return VariablesDone(change=done, deployed=follower.follow(item))
    except DeploymentFailed as e:
        e.hint = f"{e.hint}; the change stays, for the next deployment: loco variables list"
        raise


def _given(context: Context, pairs: list[str]) -> dict[str, str]:
    """Read `NAME=VALUE`; ask for the value of a name alone, without showing what is typed.

    Raises:
        UsageError: no name, or nobody to ask.
    """
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        _checked(name)
        if name in found:
            raise UsageError(f"{name} is given twice", hint="loco variables set NAME=VALUE")
        if not equals:
            if not context.ui.can_ask:
                raise UsageError(
                    f"{name} has no value, and nobody can be asked here",
                    hint=f"loco variables set {name} --stdin, or {name}=VALUE",
                )
            value = context.ui.ask_secret(f"{name}:")
        elif looks_secret(name, value):
            context.ui.note(
                f"{name} looks like a secret: what is typed like this can be seen by others of this machine, and stays"
                f" in the shell's history; loco variables set {name} --stdin reads it from stdin"
            )
        found[name] = _fitting(name, value)
    return found


def _from_stdin(pairs: list[str]) -> dict[str, str]:
    """Read one value from stdin, as it is, but for one newline at its end.

    Raises:
        UsageError: not one name alone, or no text.
    """
    if len(pairs) != 1 or "=" in pairs[0]:
        raise UsageError("--stdin reads the value of one name", hint="loco variables set NAME --stdin")
    name = pairs[0]
    _checked(name)
    try:
        value = sys.stdin.buffer.read().decode()
    except UnicodeDecodeError:
        raise UsageError("stdin is not a text in UTF-8", hint="base64 makes one of any bytes") from None
    return {name: _fitting(name, value.removesuffix("\n"))}


def _fitting(name: str, value: str) -> str:
    why = wire.fault(name, value)
    if why is not None:
        raise UsageError(f"{name}: {why}", hint="loco variables set NAME=VALUE")
    return value


def _checked(name: str) -> None:
    if not wire.is_name(name):
        raise UsageError(  # what was typed is not shown again: it may be a value that lost its name
            f"the name of a variable has A-Z, a-z, 0-9 and _, no digit first, and at most {wire.NAME_MAX} characters",
            hint="loco variables set NAME=VALUE",
        )
