"""Read server-sent events (WHATWG HTML, 9.2) from lines."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Message:
    event: str
    id: str | None
    data: str


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
