"""What every table of loco.toml is made from: frozen, and closed to keys it does not know."""

from pydantic import BaseModel, ConfigDict


class Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=False)
