"""What is under way, for every line and span that comes of it: a request's id; a rollout's team, app, deployment."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

_FIELDS: ContextVar[Mapping[str, str]] = ContextVar("fields", default={})  # noqa: B039  never changed, only replaced


def fields() -> Mapping[str, str]:
    return _FIELDS.get()


def bind(**known: str) -> None:
    """Say so from now on in this task, and in what it starts."""
    _FIELDS.set({**_FIELDS.get(), **known})


@contextmanager
def bound(**known: str) -> Iterator[None]:
    """Say so while the block runs."""
    before = _FIELDS.set({**_FIELDS.get(), **known})
    try:
        yield
    finally:
        _FIELDS.reset(before)
