"""The kinds that are named and not there yet."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict

PLANNED = ("worker", "job", "site", "redis", "postgres", "bucket")
THERE = ("service",)


def _not_yet(kind: str) -> str:
    raise ValueError(f'"{kind}" is not there yet; today there is: {", ".join(THERE)}')


class Planned(BaseModel):
    """What stands in the tagged union for every kind that does not run yet. None of it is ever valid."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="allow")

    kind: Annotated[Literal["worker", "job", "site", "redis", "postgres", "bucket"], AfterValidator(_not_yet)]
