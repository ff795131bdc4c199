"""Variables on the wire: names and values go in; names, digests and versions come out, and never a value."""

import re
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from loco_spec import limits
from loco_spec.api import Deployment, Request, Response

NAME_MAX = limits.ENV_NAME_MAX
VALUE_MAX = limits.ENV_VALUE_MAX
"""Bytes of `NAME=value` with its end: Linux starts no program with a longer one."""
TOTAL_MAX = limits.VARIABLES_MOST
"""Bytes of all names and values of an app."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def is_name(text: str) -> bool:
    """Whether a variable can have this name."""
    return len(text) <= NAME_MAX and _NAME.fullmatch(text) is not None


def fault(name: str, value: str) -> str | None:
    """Say why a variable cannot have this value, without showing it; None: it can."""
    if "\0" in value:
        return "a value cannot have the character NUL in it"
    try:
        size = len(name) + len(value.encode()) + 2
    except UnicodeEncodeError:
        return "a value is text in UTF-8"
    if size > VALUE_MAX:
        return f"a value has at most {VALUE_MAX >> 10} KiB: put a longer one into a file of the image, or into a store"
    return None


def _name(text: str) -> str:
    if not is_name(text):
        raise ValueError(f"expected A-Z, a-z, 0-9 and _, no digit first, at most {NAME_MAX} characters")
    return text


Name = Annotated[str, AfterValidator(_name)]


class VariablesChange(Request):
    """POST …/variables: set and unset several at once, or none of them."""

    set: dict[Name, str] = Field(default_factory=dict, repr=False)
    unset: tuple[Name, ...] = ()
    stage: bool = False
    """Wait for the next deployment instead of rolling one."""

    @model_validator(mode="after")
    def _fits(self) -> "VariablesChange":
        if not self.set and not self.unset:
            raise ValueError("nothing is set and nothing unset")
        for name, value in self.set.items():
            if name in self.unset:
                raise ValueError(f"{name} is to be set and to be unset")
            why = fault(name, value)
            if why is not None:
                raise ValueError(f"{name}: {why}")
        return self


class Variable(Response):
    name: str
    version: int
    state: str
    """`deployed`; `staged`: the next deployment gets it; `unset`: the next one does not have it any more."""
    digest: str | None = None
    """8 hex digits: the same for the same value of this variable. None where it is unset."""
    set_by: str
    set_at: datetime


class Variables(Response):
    variables: tuple[Variable, ...]


class VariableVersion(Response):
    name: str
    version: int
    action: str
    """`set`, `unset`, or `purged`: it was set, and its value is gone."""
    digest: str | None = None
    set_by: str
    set_at: datetime


class VariablesHistory(Response):
    """GET …/variables/history, the newest first; `?name=` for one alone."""

    versions: tuple[VariableVersion, ...]


class VariablesChanged(Response):
    set: tuple[str, ...] = ()
    unset: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    """They had that value already, or were not set."""
    waits: bool = False
    """Something waits for the next deployment."""
    deployment: Deployment | None = None
    """The one that brings it to the app; None: staged, nothing to bring, or nothing of the app is live."""
    made_app: bool = False
    """There was no such app: it is there now, with its variables, and waits for its first deployment."""


class VariablePurged(Response):
    name: str
    versions: int
    """How many values are gone."""
    deployments: tuple[int, ...] = ()
    """Those that served once and had it: a rollback to them is not whole any more."""
