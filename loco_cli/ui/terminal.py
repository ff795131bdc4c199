"""The person's terminal, or the program that reads us: steps on the way, and the result."""

import json
import os
import sys
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel

from loco_cli.ui import (  # noqa: F401  they register their nouns
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
from loco_cli.ui.results import Page
from loco_cli.ui.text import safe
from loco_spec.errors import FieldFault


class Ui:
    """`json`: one object a line on stdout, the last one with the result; nothing else is printed there."""

    def __init__(self, *, json: bool = False) -> None:
        self.json = json
        self._live: Any = None
        self._is_terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not json

    @property
    def can_ask(self) -> bool:
        return sys.stdin.isatty() and sys.stderr.isatty() and not self.json

    def step(self, message: str, **detail: Any) -> None:
        """Say that something was done: a line that stays."""
        if self.json:
            print(json.dumps({"step": message, **detail}), flush=True)
        elif self._live is not None:
            self._live.console.print(safe(message), markup=False, highlight=False, soft_wrap=True)
        else:
            print(safe(message), file=sys.stderr, flush=True)

    def event(self, event: BaseModel, message: str) -> None:
        """Pass on what the server says of a deployment."""
        if self.json:
            print(json.dumps({"event": event.model_dump(mode="json")}), flush=True)
        else:
            self.step(message)

    def working(self, message: str) -> None:
        """Show what is going on right now, on a terminal only: the line is overwritten by the next."""
        if not self._is_terminal:
            return
        if self._live is None:
            from rich.console import Console

            self._live = Console(stderr=True).status("")
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
            print(json.dumps({"note": message}), file=sys.stderr)
        else:
            self.step(message)

    def warn(self, fault: FieldFault) -> None:
        """Say of a part of loco.toml that it is legal, and most likely not meant."""
        if self.json:
            print(json.dumps({"warning": fault.model_dump(exclude_none=True)}), file=sys.stderr)
            return
        for line in pointed(fault, mark="warning: "):
            self.step(line)

    def result(self, value: BaseModel, **more: Any) -> None:
        """Give the command's result."""
        self.close()
        if self.json:
            print(json.dumps({"version": 1, "result": {**value.model_dump(mode="json"), **more}}), flush=True)
            return
        lines = human(value)
        if isinstance(value, Page) and sys.stdout.isatty():
            self._page("\n".join(lines))
            return
        for line in lines:
            print(line)

    def _page(self, text: str) -> None:
        """Show a long text in the person's pager; one that is as long as the screen leaves at once."""
        import pydoc

        os.environ.setdefault("LESS", "FRX")
        pydoc.pager(text)

    def line(self, text: str) -> None:
        """Give one line of the result, as it comes."""
        print(text, flush=True)

    def lines(self, texts: Iterable[str]) -> None:
        """Give some lines of the result at once, as they come."""
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
        print(safe(question), end=" ", file=sys.stderr, flush=True)
        return input().strip()
