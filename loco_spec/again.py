"""Rollback and scale: new numbers that need no image of their own."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from loco_spec.api import Deployment, Request, Response
from loco_spec.changes import Change
from loco_spec.tables import Flag, Whole

Number = Annotated[Whole, Field(ge=1, lt=2**31)]
Replicas = Annotated[Whole, Field(ge=1, le=50)]


class RollbackQuery(Request):
    """GET: what a rollback would change, and whether it can be."""

    number: int | None = Field(default=None, ge=1, lt=2**31)


class RollbackStart(Request):
    number: Number | None = None
    """Default: the last that served before the live one, and differs from it."""
    release: Flag = False
    """Run the release command of that deployment, too."""
    live: Number | None = None
    """What was live when the changes were looked at; where another one is by now, nothing is done."""


class Rollback(Response):
    to: Deployment
    """What comes back: its image, configuration, routes and the versions of its variables."""
    live: Deployment
    """What serves, and what a rollback to it brings back."""
    changes: tuple[Change, ...] = ()
    unchanged: bool = False
    """What serves is the same: no number was given out."""
    has_release_command: bool = True
    """Whether `release` has anything to run; so an older server, which does not say it, may have."""
    deployment: Deployment | None = None
    """The new number; None: it was only looked, or nothing changed."""
    notes: tuple[str, ...] = ()
    """Said once to the person: that what failed just now is not what is taken back."""


class ScaleChange(Request):
    """`replicas`; or so many more or fewer (`add`); or a range (`min`, `max`, `cpu`): what is not said stays."""

    replicas: Replicas | None = None
    add: Annotated[Whole, Field(ge=-50, le=50)] | None = None
    min: Replicas | None = None
    max: Replicas | None = None
    cpu: Annotated[Whole, Field(ge=1, le=100)] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ranged = (self.min, self.max, self.cpu) != (None, None, None)
        if sum((self.replicas is not None, self.add is not None, ranged)) != 1:
            raise ValueError("expected one of: replicas; add; min, max and cpu")
        return self


class Scaled(Response):
    deployment: Deployment
    """The new number; where nothing changed, the one that has as many already."""
    changes: tuple[Change, ...] = ()
    unchanged: bool = False
    notes: tuple[str, ...] = ()
    """Said once to the person: that this server runs `min` replicas of a range."""
