"""What a deployment would change of what is live: field by field, as text, and never a value that is secret."""

from typing import Any

from loco_spec.api import Response


class Change(Response):
    field: str
    """By its place in loco.toml: `scale.min`, `env.LOG_LEVEL`, `ports[http].port`, `routes[shop.example.com/api].port`;
    also `digest`, the image's, and `variables.NAME`."""
    before: str | None = None
    """As loco.toml would say it; of a variable its digest, as `loco variables list` shows it. None: there was none."""
    after: str | None = None
    """None: there is none any more."""


class QuotaUse(Response):
    name: str
    """`apps`, `cpu` (thousandths of a processor), `memory` (bytes), `replicas`, `deployments_per_hour`, `context`."""
    used: int
    """By all of the team that is not this app."""
    needed: int
    """By this app, once it is deployed so."""
    limit: int


class Plan(Response):
    """POST …/plan, with what a deployment would be made from; nothing is made, and nothing written down."""

    team: str
    app: str
    live: int | None = None
    """What it is compared with; None: nothing is live, and all is new."""
    unchanged: bool
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()
    refused: tuple[dict[str, Any], ...] = ()
    """Problem documents (RFC 9457): each reason for which the deployment would be refused today."""
    quotas: tuple[QuotaUse, ...] = ()
    """What the team may have, has, and would have. None: an older server."""
    engine: tuple[str, ...] = ()
    """What the engine says that it would do, or refuse. It is not asked for who may not deploy."""
