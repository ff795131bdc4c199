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
        help="A page (loco.toml, errors, operations, security …), a table of loco.toml (health), or an error's code.",
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
    table = docs.tables(docs.page(REFERENCE) or "").get(wanted.split(".")[0])
    text = table or docs.sections(docs.page("errors.md") or "").get(wanted)
    if text is None:
        known = [*topics(), *docs.tables(docs.page(REFERENCE) or ""), *docs.sections(docs.page("errors.md") or "")]
        near = difflib.get_close_matches(wanted, known, n=1)
        raise UsageError(
            f"there is no page or part of one called {topic!r}",
            hint=f"loco docs {near[0]}" if near else f"loco docs: {', '.join(topics())}",
        )
    return Page(topic=wanted, text=text, topics=topics())


def topics() -> tuple[str, ...]:
    return tuple(name.removesuffix(".md") for name in docs.pages())
