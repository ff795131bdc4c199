"""What a deployment would change of what is live: field by field, as text, and never a value that is secret."""

from loco_spec.api import Response


class Change(Response):
    field: str
    """By its place in loco.toml: `scale.min`, `env.LOG_LEVEL`, `ports[http].port`, `routes[shop.example.com/api]`; also
    `digest`, the image's, and `variables.NAME`."""
    before: str | None = None
    """As loco.toml would say it; of a variable its digest, as `loco variables list` shows it. None: there was none."""
    after: str | None = None
    """None: there is none any more."""
