"""What `exec`, `run` and `forward` say over their WebSocket: one for each process, or connection, that is attached to.

The client's first message is text: one of the starts below, as JSON. After it every message is binary, its first byte
the channel, the rest what is sent on it (as Kubernetes' `v5.channel.k8s.io`):

    0 stdin    client → server   an empty one: its end
    1 stdout   server → client   an empty one: its end (forward)
    2 stderr   server → client   never with a terminal
    3 window   client → server   `Window`, as JSON
    4 end      server → client   `End`, as JSON: the last message
    5 alive    both              nothing; in silence every ten seconds
"""

from enum import IntEnum
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from loco_spec.api import Request, Response
from loco_spec.limits import COMMAND_MOST

PIECE_BYTES = 32 << 10
"""The most that one message carries."""
ALIVE_SECONDS = 10.0
SILENCE_SECONDS = 40.0
"""Whoever waits for a message, and for so long not even a sign of life came, is alone."""
RUN_SECONDS_MOST = 24 * 3600


class Channel(IntEnum):
    STDIN = 0
    STDOUT = 1
    STDERR = 2
    WINDOW = 3
    END = 4
    ALIVE = 5


def _startable(command: tuple[str, ...]) -> tuple[str, ...]:
    if any("\0" in word for word in command) or not command[0]:
        raise ValueError("expected a program, and no character NUL")
    if sum(len(word.encode(errors="surrogatepass")) for word in command) > COMMAND_MOST:
        raise ValueError(f"expected at most {COMMAND_MOST >> 10} KiB in all")
    return command


Command = Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_startable)]


class Window(Request):
    columns: int = Field(ge=1, lt=2**15)
    rows: int = Field(ge=1, lt=2**15)


class _Process(Request):
    command: Command
    tty: bool = False
    """stdout and stderr are one, and keys are signals."""
    stdin: bool = False
    window: Window | None = None


class ExecStart(_Process):
    """The first message of `exec`."""

    instance: str | None = Field(default=None, max_length=100)
    """`v12-1`. None: the first one that runs of the live deployment."""


class RunStart(_Process):
    """The first message of `run`."""

    seconds: int = Field(default=3600, ge=1, le=RUN_SECONDS_MOST)
    """After which it is ended."""


class ForwardStart(Request):
    """The first message of `forward`."""

    port: int = Field(ge=1, le=65535)
    instance: str | None = Field(default=None, max_length=100)


class End(Response):
    """How it ended: one of the two, or neither where a connection ended as connections do."""

    exit_code: int | None = None
    """A signal n is 128 + n."""
    problem: dict[str, Any] | None = None


class EntranceQuery(Request):
    instance: str | None = Field(default=None, max_length=100)


class Entrance(Response):
    """GET …/entrance: where a forward would lead."""

    instance: str
    ports: tuple[str, ...]
    """What the app declares: `8080 (http)`."""


def packed(channel: Channel, data: bytes = b"") -> bytes:
    return bytes((channel,)) + data


def unpacked(message: bytes) -> tuple[int, bytes]:
    """Give the channel, which may be one that a newer version knows, and what was sent on it; -1 for no channel."""
    return (message[0], message[1:]) if message else (-1, b"")
