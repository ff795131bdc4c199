"""What a check found, as a value."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "missing", "unknown"]


@dataclass(frozen=True)
class Finding:
    """`missing`: loco does not work without it, or not safely; `unknown`: it could not be looked at."""

    name: str
    state: State
    said: str
    fix: str = ""
    """What to do, a line each; empty where all is well."""


class CannotLookError(Exception):
    """The facts of a check cannot be had: why, and what helps."""

    def __init__(self, said: str, fix: str = "") -> None:
        super().__init__(said)
        self.said = said
        self.fix = fix


def ok(name: str, said: str) -> Finding:
    return Finding(name, "ok", said)


def warning(name: str, said: str, fix: str) -> Finding:
    return Finding(name, "warning", said, fix)


def missing(name: str, said: str, fix: str) -> Finding:
    return Finding(name, "missing", said, fix)


def unknown(name: str, said: str, fix: str = "") -> Finding:
    return Finding(name, "unknown", said, fix)
