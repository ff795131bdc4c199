"""What a person has of a process that an engine runs for them, or of a port of an instance: streams, and an end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Literal, Protocol

from loco_server.engines import explaining

READ_BYTES = 32 << 10
"""The most that one `read` gives: what is on its way is a few of these, and not what anybody wants to send."""

MARK = "LOCO_ATTACHED"
"""In the environment of each process beside an instance's own: by its value it is found again, and ended."""
REMOVED = "the container was removed: the app was destroyed or suspended"

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


def not_running(instance: str, *, there: bool) -> InstanceEndedError:
    return InstanceEndedError(f"{instance} does not run" if there else f"there is no {instance} any more")


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
    what, why = explaining.not_run(message) or (command, message)
    told = f"{what[:100]}: {why[:300]}\n".encode(errors="replace")
    missing = "not found" in why or "no such file" in why.lower()
    return Over(("stderr", told), 127 if missing else 126)


@asynccontextmanager
async def within(
    told: AbstractContextManager[None], opened: AbstractAsyncContextManager[Attached]
) -> AsyncIterator[Attached]:
    """Open it, with errors told as `told` tells them: from its beginning to its end."""
    with told:
        async with opened as attached:
            yield attached


async def to_the_end(work: Awaitable[None]) -> None:
    """Do it also when whoever waits for it is cancelled."""
    await asyncio.shield(asyncio.ensure_future(work))
