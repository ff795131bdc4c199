"""What a person has of a process that an engine runs for them, or of a port of an instance: streams, and an end."""

from dataclasses import dataclass
from typing import Literal, Protocol

READ_BYTES = 32 << 10
"""The most that one `read` gives: what is on its way is a few of these, and not what anybody wants to send."""

Piece = tuple[Literal["stdout", "stderr"], bytes]


@dataclass(frozen=True)
class Start:
    """What is to be started."""

    command: tuple[str, ...]
    tty: bool = False
    stdin: bool = False
    columns: int = 80
    rows: int = 24
    """Of the terminal."""


class InstanceEndedError(Exception):
    """The instance has ended in the middle, or is not there (any more); the message says which."""


class NothingListensError(Exception):
    """The instance takes no connection at that port; the message says why."""


class Attached(Protocol):
    """An open stream both ways. Whoever leaves its context ends the process, with all that it started."""

    async def read(self) -> Piece | None:
        """Give what comes next, of at most `READ_BYTES`; None when nothing comes any more.

        Raises:
            InstanceEndedError: the instance has gone.
            EngineDownError: the engine has.
        """
        ...

    async def write(self, data: bytes) -> None:
        """Return when it is taken. What nobody reads any more is dropped."""
        ...

    async def end_input(self) -> None:
        """Close its stdin, or the connection's other direction."""
        ...

    async def resize(self, columns: int, rows: int) -> None: ...

    async def exit_code(self) -> int | None:
        """Once nothing comes any more: how it ended; None: a connection has none.

        Raises:
            InstanceEndedError, EngineDownError: as `read`.
        """
        ...


class Over:
    """A process of which all is known already: what it said, and how it ended."""

    def __init__(self, piece: Piece, code: int) -> None:
        self._piece: Piece | None = piece
        self._code = code

    async def read(self) -> Piece | None:
        piece, self._piece = self._piece, None
        return piece

    async def write(self, data: bytes) -> None: ...

    async def end_input(self) -> None: ...

    async def resize(self, columns: int, rows: int) -> None: ...

    async def exit_code(self) -> int | None:
        return self._code


def not_started(command: str, message: str) -> Over:
    """Tell as a shell does of what could not be started: 127 where there is no such program, else 126."""
    told = f"{command[:100]}: {message[:300]}\n".encode(errors="replace")
    missing = "not found" in message or "no such file" in message.lower()
    return Over(("stderr", told), 127 if missing else 126)
