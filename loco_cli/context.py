"""What every command is given: configuration, client, and the person's terminal, each made when first asked for."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from loco_cli import config
from loco_cli.credentials import Credentials
from loco_cli.given import GIVEN, Given
from loco_spec import names, toml
from loco_spec.errors import ConfigError, NotFound, UsageError

if TYPE_CHECKING:
    from loco_cli.client.http import Http
    from loco_cli.ui.terminal import Ui


@dataclass(frozen=True)
class Target:
    """The app that a command is about."""

    team: str
    app: str


class Context:
    def __init__(self, given: Given | None = None) -> None:
        self.given = given or Given()

    @cached_property
    def server(self) -> config.Choice:
        return config.server(self.given.server)

    @cached_property
    def credentials(self) -> Credentials:
        return Credentials()

    @cached_property
    def http(self) -> "Http":
        from loco_cli.client.http import Http

        found = self.credentials.find(self.server.value)
        return Http(self.server, found, say=self._note)

    @cached_property
    def ui(self) -> "Ui":
        from loco_cli.ui.terminal import Ui

        return Ui(self.given)

    def _note(self, message: str) -> None:
        self.ui.note(message)  # made only when there is something to say

    def close(self) -> None:
        if "http" in self.__dict__:
            self.http.close()
        if "ui" in self.__dict__:
            self.ui.close()

    def confirmed(self, name: str, given: str | None, *, what: str, question: str, hint: str, named: bool) -> None:
        """Let nothing that cannot be undone happen unless its name was said: typed now, or given beforehand.

        `named`: the command line names it anyway, and there --yes is enough.

        Raises:
            UsageError: it was not, or it is another.
        """
        if given is None and self.given.yes and named:
            return
        if given is None:
            if self.given.yes or not self.ui.can_ask:
                why = "--yes does not name it" if self.given.yes else "nobody can be asked here"
                raise UsageError(f"{what} must be confirmed by its name, and {why}", hint=hint)
            given = self.ui.ask(f"{question} for good. Type its name:")
        if given != name:
            raise UsageError(f'"{given}" is not "{name}"; nothing was removed', hint=hint)

    def team(self, asked: str | None) -> str:
        """Give the team: the one asked for, else the person's own."""
        if asked is not None:
            return _slug(asked, "team")
        from loco_cli.client import account

        found = account.me(self.http).default_team
        if not found:
            raise NotFound("you are in no team", hint="ask an owner of one to invite you")
        return found

    def target(self, folder: Path, *, app: str | None, team: str | None) -> Target:
        """Give the app of a folder, or the one that was named.

        Raises:
            UsageError: there is no such folder: the app's name is not taken for one.
        """
        if not folder.is_dir():
            named = f"; an app is named with --app {folder}" if names.is_slug(str(folder)) else ""
            raise UsageError(f"{folder} is not a folder{named}", hint="loco apps lists the apps of your team")
        if app is not None:
            name = _slug(app, "app")
            return Target(team=self.team(team), app=name)
        path = toml.find(folder)
        if path is None:
            return Target(team=self.team(team), app=names.slugify(folder.resolve().name))
        try:
            spec = toml.load(folder)
        except ConfigError as e:  # to look, or to go back, is not the moment to correct a file
            e.hint += "; or name the app: --app NAME"
            raise
        return Target(team=self.team(team or spec.team), app=spec.name)


@contextmanager
def opened() -> Iterator[Context]:
    """Give a context for one command, by what every command line may have."""
    context = Context(GIVEN.get())
    try:
        yield context
    finally:
        context.close()


def _slug(text: str, what: str) -> str:
    if not names.is_slug(text):
        raise UsageError(
            f'"{text}" is not the name of {"an" if what == "app" else "a"} {what}',
            hint="loco apps" if what == "app" else "loco whoami",
        )
    return text
