"""The kinds of workload. `service` is what runs today; the others are named, so that they can be refused by name."""

from typing import Literal

Kind = Literal["service", "worker", "job", "site", "redis", "postgres", "bucket"]
IMPLEMENTED: tuple[Kind, ...] = ("service",)


def checked(kind: Kind) -> Kind:
    """Refuse what is planned and not there yet.

    Raises:
        ValueError: the kind does not run yet.
    """
    if kind not in IMPLEMENTED:
        raise ValueError(f'kind "{kind}" is not there yet; today there is: {", ".join(IMPLEMENTED)}')
    return kind
