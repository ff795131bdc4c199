"""This terminal, or these pipes, as a process's that runs elsewhere: its streams, keys, size and exit code."""

import asyncio
import os
import select
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from loco_cli.client.attaching import Wire, ended, opened
from loco_cli.client.http import Http
from loco_cli.context import Context
from loco_spec import paths
from loco_spec.attaching import ALIVE_SECONDS, PIECE_BYTES, Channel, Window
from loco_spec.errors import UsageError

T = TypeVar("T")
Sink = Callable[[bytes], Awaitable[None]]

STDIN, STDOUT, STDERR = 0, 1, 2
_ENDS = (signal.SIGTERM, signal.SIGHUP)


class Streams:
    """What of this terminal, or of these pipes, a command gets: as it was said, else by what they are.

    Raises:
        UsageError: there is no command, and no terminal for a shell.
    """

    def __init__(self, verb: str, words: Sequence[str] | None, *, stdin: bool | None, tty: bool | None) -> None:
        person = os.isatty(STDIN) and os.isatty(STDOUT)
        self.tty = person if tty is None else tty
        self.raw = person and self.tty
        self.stdin = (self.tty or not os.isatty(STDIN)) if stdin is None else stdin
        if not words and not self.tty:
            raise UsageError("there is no terminal here for a shell: name a command", hint=f"loco {verb} -- CMD...")
        self.command = tuple(words or ("sh",))


def attach(
    context: Context,
    path: str,
    streams: Streams,
    start: type[BaseModel],
    *,
    app: str | None,
    team: str | None,
    **more: Any,
) -> int:
    """Be the terminal of a process that runs elsewhere until it ends; give its exit code.

    `start`: of the first message; `more`: what stands in it besides.

    Raises:
        LocoError: it could not be started, or was ended by somebody else.
    """
    target = context.target(Path(), app=app, team=team)
    try:
        first = start(command=streams.command, tty=streams.tty, stdin=streams.stdin, window=window(), **more)
        first.model_dump_json()
    except ValueError as e:  # too long, or no text
        raise UsageError(
            f"the command cannot be sent: it is {sum(map(len, streams.command))} characters, or no UTF-8"
        ) from e
    where = paths.fill(path, team=target.team, app=target.app)
    with _raw() if streams.raw else nullcontext():
        return asyncio.run(_attached(context.http, where, first, stdin=streams.stdin))


async def _attached(http: Http, path: str, start: BaseModel, *, stdin: bool) -> int:
    loop, this, signals = asyncio.get_running_loop(), asyncio.current_task(), list[int]()
    assert this is not None  # noqa: S101  it runs

    def end(number: int) -> None:
        signals.append(number)
        this.cancel()

    for number in _ENDS:
        loop.add_signal_handler(number, end, number)
    try:
        async with opened(http, path, start) as wire:
            resized = asyncio.Event()
            loop.add_signal_handler(signal.SIGWINCH, resized.set)
            sending = [_keep_alive(wire), _resize(wire, resized)]
            sending += [send_all(wire, lambda: apart(lambda: os.read(STDIN, PIECE_BYTES)))] if stdin else []
            sinks: dict[int, Sink] = {Channel.STDOUT: _writer(STDOUT), Channel.STDERR: _writer(STDERR)}
            code = await _beside(sending, receive_all(wire, sinks))
            return 0 if code is None else code
    except asyncio.CancelledError:
        if signals:
            raise SystemExit(128 + signals[0]) from None
        raise


async def receive_all(wire: Wire, sinks: dict[int, Sink]) -> int | None:
    """Give each message to whom it is for, until the last one; give the exit code in that.

    Raises:
        LocoError: what it ended with instead.
    """
    while True:
        channel, data = await wire.receive()
        if channel == Channel.END:
            return ended(data)
        if channel in sinks:
            await sinks[channel](data)


async def send_all(wire: Wire, read: Callable[[], Awaitable[bytes]]) -> None:
    """Send on what is read until nothing comes any more, and then that."""
    data = b"-"
    while data:
        try:
            data = await read()
        except OSError:  # a terminal that is gone, a connection that was cut
            data = b""
        await wire.send(Channel.STDIN, data)


async def attend(wire: Wire, read: Callable[[], Awaitable[bytes]], sink: Sink) -> None:
    """Pass a connection on, both ways, until it has ended.

    Raises:
        LocoError: what it ended with.
    """
    await _beside([_keep_alive(wire), send_all(wire, read)], receive_all(wire, {Channel.STDOUT: sink}))


async def apart(work: Callable[[], T]) -> T:
    """Do it in a thread for which nobody waits in the end: it may be held up for as long as somebody reads nothing."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def tell(result: T | None, fault: BaseException | None) -> None:
        if not done.done():
            if fault is not None:
                done.set_exception(fault)
            else:
                done.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result, fault = None, None
        try:
            result = work()
        except BaseException as e:  # noqa: BLE001  raised where it is waited for
            fault = e
        with suppress(RuntimeError):  # nobody waits any more
            loop.call_soon_threadsafe(tell, result, fault)

    threading.Thread(target=run, daemon=True).start()
    return await done


def window() -> Window | None:
    """Give the size of this terminal; None: there is none, or it does not say."""
    with suppress(OSError, ValueError):
        columns, rows = os.get_terminal_size(STDOUT)
        return Window(columns=columns, rows=rows)
    return None


async def _beside(others: Sequence[Awaitable[None]], main: Awaitable[T]) -> T:
    tasks = [asyncio.ensure_future(each) for each in others]
    try:
        return await main
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _keep_alive(wire: Wire) -> None:
    while True:
        await asyncio.sleep(ALIVE_SECONDS)
        await wire.send(Channel.ALIVE)


async def _resize(wire: Wire, resized: asyncio.Event) -> None:
    while True:
        await resized.wait()
        resized.clear()
        size = window()
        if size is not None:
            await wire.send(Channel.WINDOW, size.model_dump_json().encode())


def _writer(descriptor: int) -> Sink:
    async def write(data: bytes) -> None:
        await apart(lambda: _write_all(descriptor, data))

    return write


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:  # whoever has the terminal too has made it so
            select.select([], [descriptor], [])


@contextmanager
def _raw() -> Iterator[None]:
    """Let keys through as they are; as it was again at every end but SIGKILL."""
    import termios
    import tty

    before = termios.tcgetattr(STDIN)
    try:
        tty.setraw(STDIN)
        yield
    finally:
        termios.tcsetattr(STDIN, termios.TCSADRAIN, before)
