"""`loco docs`: the documentation, offline."""

import difflib
from typing import Annotated

import typer

from loco_cli.context import opened
from loco_cli.ui.results import Page
from loco_spec import docs
from loco_spec.errors import UsageError

REFERENCE = "loco.toml"

Topic = Annotated[
    str | None,
    typer.Argument(
        help="A page (tutorial, errors …), a table of loco.toml (health), an error's code, or a command (rollback).",
        metavar="[TOPIC]",
    ),
]


def command(topic: Topic = None) -> None:
    """Read the documentation, offline: the reference of loco.toml, or a topic.

    Examples:
        loco docs
        loco docs health
        loco docs wrong-port
    """
    with opened() as context:
        context.ui.result(run(topic))


def run(topic: str | None) -> Page:
    """Give a page, or the part of one that the topic names.

    Raises:
        UsageError: there is no such topic.
    """
    if topic is None:
        return Page(topic=REFERENCE, text=docs.page(REFERENCE) or "", topics=topics())
    wanted = topic.strip("[]").lower()
    for name in (wanted, f"{wanted}.md"):
        text = docs.page(name)
        if text is not None:
            return Page(topic=wanted, text=text, topics=topics())
    tables, errors = docs.tables(docs.page(REFERENCE) or ""), docs.sections(docs.page("errors.md") or "")
    commands = docs.sections(docs.page("cli.md") or "")
    text = tables.get(wanted.split(".")[0]) or errors.get(wanted) or commands.get(f"loco {wanted}")
    if text is None:
        known = [*topics(), *tables, *errors, *(name.removeprefix("loco ") for name in commands)]
        near = difflib.get_close_matches(wanted, known, n=1)
        raise UsageError(
            f"there is no page or part of one called {topic!r}",
            hint=f"loco docs {near[0]}" if near else f"loco docs: {', '.join(topics())}",
        )
    return Page(topic=wanted, text=text, topics=topics())


def topics() -> tuple[str, ...]:
    return tuple(name.removesuffix(".md") for name in docs.pages())
