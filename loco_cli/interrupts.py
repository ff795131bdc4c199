"""Ctrl-C, and SIGTERM as another one: a CI job that is stopped does what a person's Ctrl-C does."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from loco_spec.errors import Interrupted


def same_for_sigterm() -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@contextmanager
def quiet() -> Iterator[None]:
    """Let a Ctrl-C be the end that was waited for: of what lasts until one there is nothing more to say."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted("") from None


@contextmanager
def held() -> Iterator[None]:
    """Let what the block has begun get its answer: a Ctrl-C comes at its end, and a second one at once."""
    pressed = False

    def press(_signal: int, _frame: FrameType | None) -> None:
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True

    before = {each: signal.signal(each, press) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    if pressed:
        raise KeyboardInterrupt
