"""What may stand on every command line, before the verb or behind it; and what stands for it in the environment."""

import os
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass
class Given:
    """Filled in while a command line is read."""

    server: str | None = None
    json: bool = False
    quiet: bool = False
    """Nothing on stderr but errors and questions."""
    no_input: bool = False
    """Nobody is asked anything."""
    yes: bool = False
    """What is asked is answered with yes."""


GIVEN: ContextVar[Given] = ContextVar("given", default=Given())  # noqa: B039  a run of a command line sets its own


def is_on(name: str, environment: Mapping[str, str] = os.environ) -> bool:
    return environment.get(name, "").lower() not in {"", "0", "false", "no"}


def from_environment(environment: Mapping[str, str] = os.environ) -> Given:
    """Give what holds before a command line is read: in CI nobody is asked, nor with LOCO_NO_INPUT."""
    return Given(no_input=is_on("LOCO_NO_INPUT", environment) or is_on("CI", environment))
