"""The table of commands. Importing it imports none of them."""

from typing import Any

import typer
from typer.main import get_command

from loco_cli.lazy import LazyGroup
from loco_spec.version import VERSION

COMMANDS = {
    "login": ("loco_cli.commands.login", "Sign in to a server."),
    "logout": ("loco_cli.commands.logout", "Sign out, and end the session on the server."),
    "whoami": ("loco_cli.commands.whoami", "Show who is signed in, where, and in which teams."),
    "account": ("loco_cli.commands.account", "Show your account and sessions, end them, or delete it."),
    "teams": ("loco_cli.commands.teams", "Make teams, invite people, give roles, join, leave."),
    "tokens": ("loco_cli.commands.tokens", "Make, list and revoke access tokens for machines."),
    "init": ("loco_cli.commands.init", "Write a loco.toml for a folder."),
    "validate": ("loco_cli.commands.validate", "Check loco.toml, every line of it."),
    "config": ("loco_cli.commands.config", "Show the whole configuration, and where each value is from."),
    "deploy": ("loco_cli.commands.deploy", "Build the folder, push the image, roll it out."),
    "diff": ("loco_cli.commands.diff", "Show what a deployment would change of what is live."),
    "redeploy": ("loco_cli.commands.redeploy", "Roll the live image again: new containers, nothing built."),
    "rollback": ("loco_cli.commands.rollback", "Roll out what served before, as a new deployment."),
    "scale": ("loco_cli.commands.scale", "Run more or fewer replicas of what is live."),
    "deployments": ("loco_cli.commands.deployments", "List an app's deployments, and show all of one."),
    "variables": ("loco_cli.commands.variables", "Set, list and unset environment variables and secrets."),
    "logs": ("loco_cli.commands.logs", "Show an app's log lines, and follow them."),
    "exec": ("loco_cli.commands.exec", "Run a command, or a shell, in a running instance."),
    "run": ("loco_cli.commands.run", "Run a command in a container of its own, once."),
    "forward": ("loco_cli.commands.forward", "Lead a port of this machine to an instance's."),
    "doctor": ("loco_cli.commands.doctor", "Look at all that a deploy needs, or at a failed deployment."),
    "status": ("loco_cli.commands.status", "Show what runs of an app, and its newest deployment."),
    "apps": ("loco_cli.commands.apps", "List a team's apps."),
    "events": ("loco_cli.commands.events", "Show who changed what in a team, and follow it."),
    "open": ("loco_cli.commands.open", "Open an app in the browser."),
    "destroy": ("loco_cli.commands.destroy", "Remove an app: containers, routes, images, records."),
    "trust": ("loco_cli.commands.trust", "Trust CI jobs: they deploy without a stored secret."),
    "completion": ("loco_cli.commands.completion", "Complete loco on TAB, in bash, zsh and fish."),
    "docs": ("loco_cli.commands.docs", "Read the documentation, offline."),
    "version": ("loco_cli.commands.version", "Show the versions of this loco and of the server."),
}


ALIASES = {"env": "variables"}


class Commands(LazyGroup):
    table = COMMANDS
    aliases = ALIASES


def _print_version(value: bool) -> None:
    if value:
        typer.echo(VERSION)
        raise typer.Exit


def app() -> Any:
    """Give the whole command line, callable with its arguments."""
    found = typer.Typer(
        cls=Commands,
        no_args_is_help=True,
        add_completion=False,  # `loco completion` has scripts that start no Python
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @found.callback()
    def loco(
        version: bool = typer.Option(
            False, "--version", callback=_print_version, is_eager=True, help="Show the version."
        ),
    ) -> None:
        """Deploy a folder with a Dockerfile: built, pushed, routed, observable, and explained when it fails."""

    return get_command(found)
