"""What loco.toml describes: one of the kinds, told apart by the key `kind`."""

from typing import Annotated, Any

from pydantic import Discriminator, Tag, TypeAdapter

from loco_spec.kinds.planned import PLANNED, Planned
from loco_spec.kinds.service import Service

SCHEMA = 1
"""The number that a stored spec carries, so that later versions can read it through upgrade steps."""


def _tag(data: Any) -> str:
    kind = data.get("kind") if isinstance(data, dict) else getattr(data, "kind", None)
    return "planned" if kind in PLANNED else "service"


App = Annotated[Annotated[Service, Tag("service")] | Annotated[Planned, Tag("planned")], Discriminator(_tag)]
"""The tagged union. `Planned` refuses itself, so what has been validated is a `Service`."""

APP: TypeAdapter[Service | Planned] = TypeAdapter(App)
TAGS = frozenset({"service", "planned"})
"""Pydantic puts the tag into a fault's place; people do not know it."""
