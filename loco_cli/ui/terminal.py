"""The person's terminal, or the program that reads us: steps on the way, and the result."""

import json
import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel

from loco_cli.given import Given, is_on
from loco_cli.ui import (  # noqa: F401  they register their nouns
    actions,
    render_changes,
    render_deployments,
    render_doctor,
    render_events,
    render_people,
    render_trust,
    render_variables,
)
from loco_cli.ui.errors import pointed
from loco_cli.ui.render import human
from loco_cli.ui.results import Diagnosed, Effective, Page, ReleaseLog, Started
from loco_cli.ui.text import columns, safe, wrapped
from loco_spec.api import BuildLog
from loco_spec.errors import FieldFault
from loco_spec.teams import InvitationCreated
from loco_spec.tokens import TokenCreated

VERSION = 1
"""Of every object that a program is given; it grows when a field goes, or means something else."""
_AS_THEY_ARE = (BuildLog, Diagnosed, Effective, InvitationCreated, Page, ReleaseLog, Started, TokenCreated)
"""Results whose lines are somebody else's, are copied, or were broken already."""


class Ui:
    """Results on stdout, what happens on the way on stderr; for a program an object a line, on either."""

    def __init__(self, given: Given | None = None) -> None:
        given = given or Given()
        self.json, self.yes = given.json, given.yes
        self._quiet, self._asks = given.quiet, not (given.no_input or given.json)
        self._live: Any = None
        moves = sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not is_on("CI")
        self._is_terminal = moves and not (given.json or given.quiet)
        self._obeyed = actions.here()

    @property
    def can_ask(self) -> bool:
        return sys.stdin.isatty() and sys.stderr.isatty() and self._asks

    def step(self, message: str, *, needed: bool = False, **detail: Any) -> None:
        """Say that something was done: a line that stays. `needed`: without it nobody knows how to go on."""
        if self.json:
            self._tell(needed=needed, step=message, **detail)
        else:
            self._say(wrapped(safe(message), columns(sys.stderr)), needed=needed)

    def event(self, event: BaseModel, message: str) -> None:
        """Pass on what the server says of a deployment."""
        if self.json:
            self._tell(event=event.model_dump(mode="json"))
        else:
            self.step(message)

    def _say(self, lines: Iterable[str], *, needed: bool = False) -> None:
        """Tell a person of something on the way."""
        if self._quiet and not needed:
            return
        text = "\n".join(map(self._plain, lines))
        if self._live is not None:
            self._live.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            print(text, file=sys.stderr, flush=True)

    def _tell(self, *, needed: bool = False, **what: Any) -> None:
        """Tell a program of something on the way."""
        if needed or not self._quiet:
            print(json.dumps({"version": VERSION, **what}), file=sys.stderr, flush=True)

    def _plain(self, line: str) -> str:
        return actions.harmless(line) if self._obeyed else line

    def working(self, message: str) -> None:
        """Show what is going on right now, on a terminal only: the line is overwritten by the next."""
        if not self._is_terminal:
            return
        if self._live is None:
            from rich.console import Console

            console = Console(stderr=True)
            self._live = console.status("", spinner="dots" if console.encoding.startswith("utf") else "line")
            self._live.start()
        from rich.text import Text

        text = Text(safe(message))
        text.truncate(self._live.console.width - len("* "), overflow="ellipsis")  # the spinner's Text forgets how to
        self._live.update(text)

    def close(self) -> None:
        """Take the moving line away."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def note(self, message: str) -> None:
        """Say something beside the point."""
        if self.json:
            self._tell(note=message)
        else:
            self.step(message)

    def warn(self, fault: FieldFault) -> None:
        """Say of a part of loco.toml that it is legal, and most likely not meant."""
        if self.json:
            self._tell(warning=fault.model_dump(exclude_none=True))
        else:
            self._say(pointed(fault, columns(sys.stderr), mark="warning: "))

    def result(self, value: BaseModel, **more: Any) -> None:
        """Give the command's result."""
        self.close()
        if self.json:
            self.records([{"result": {**value.model_dump(mode="json"), **more}}])
            return
        lines = self._lines(value)
        if isinstance(value, Page) and sys.stdout.isatty():
            self._page("\n".join(lines))
            return
        for line in lines:
            print(self._plain(line))

    def _lines(self, value: BaseModel) -> list[str]:
        """Give what a person sees, broken between words where the terminal is too narrow."""
        width = None if isinstance(value, _AS_THEY_ARE) else columns(sys.stdout)
        return [part for line in human(value) for part in wrapped(line, width)]

    def _page(self, text: str) -> None:
        """Show a long text in the person's pager; one that is as long as the screen leaves at once."""
        import pydoc

        os.environ.setdefault("LESS", "FRX")
        pydoc.pager(text)

    def redrawn(self, value: BaseModel, *, changed: bool) -> None:
        """Give a result anew: over the last one on a terminal, elsewhere only where it has changed."""
        if not self.json and sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
            self._redraw("\n".join(self._lines(value)))
        elif changed and self.json:
            self.records([{"result": value.model_dump(mode="json")}])
        elif changed:
            self.lines([*human(value), ""])

    def _redraw(self, text: str) -> None:
        from rich.console import Console
        from rich.live import Live
        from rich.text import Text

        if self._live is None:
            console = Console(highlight=False)
            self._live = Live(console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False)
            self._live.start()
        self._live.update(Text(text), refresh=True)

    def records(self, values: Iterable[Mapping[str, Any]]) -> None:
        """Give a program some objects of the result, as they come."""
        self.lines(json.dumps({"version": VERSION, **value}) for value in values)

    def lines(self, texts: Iterable[str]) -> None:
        """Give some lines of the result at once, as they come."""
        if self._obeyed and not self.json:
            texts = map(actions.harmless, texts)
        sys.stdout.write("".join([f"{text}\n" for text in texts]))
        sys.stdout.flush()

    def ask_secret(self, question: str) -> str:
        """Ask a person for what nobody else should see."""
        import getpass

        self.close()
        return getpass.getpass(f"{safe(question)} ", stream=sys.stderr)

    def ask(self, question: str) -> str:
        """Ask a person, who sees stderr: stdout may be a file."""
        self.close()
        print("\n".join(wrapped(safe(question), columns(sys.stderr))), end=" ", file=sys.stderr, flush=True)
        return input().strip()
