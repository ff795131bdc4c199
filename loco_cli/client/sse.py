"""Read server-sent events (WHATWG HTML, 9.2) from lines."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_LINE_END = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True)
class Message:
    event: str
    id: str | None
    data: str


def lines(parts: Iterable[str]) -> Iterator[str]:
    """Split text at the standard's three line ends alone. Python's own lines end at eight more characters, which JSON
    carries as they are: a line of a log may hold a U+2028.
    """
    begun: list[str] = []
    half = ""
    for part in parts:
        text = half + part
        half = "\r" if text.endswith("\r") else ""  # the other half may be on its way
        text = text.removesuffix(half) if half else text
        first, *more = _LINE_END.split(text) if "\r" in text else text.split("\n")
        begun.append(first)  # a batch of lines is one line here, of many parts
        if more:
            yield "".join(begun)
            yield from more[:-1]
            begun = [more[-1]]


def messages(lines: Iterable[str]) -> Iterator[Message]:
    """Give the messages as they become whole. A comment is a message of event `ping`: the connection lives."""
    event, identity, data = "message", None, list[str]()
    for line in lines:
        if not line:
            if data:
                yield Message(event, identity, "\n".join(data))
            event, data = "message", []
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not name:
            yield Message("ping", identity, value)
        elif name == "event":
            event = value
        elif name == "id":
            identity = value
        elif name == "data":
            data.append(value)
