"""What every table of loco.toml is made from: frozen, and closed to keys it does not know."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Strict


class Table(BaseModel):
    # The docstring under a field is its description in the JSON Schema: what an editor shows.
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=False, use_attribute_docstrings=True)


# TOML has types of its own: "8080" is text and 1.0 no whole number, and neither is taken for the other.
Whole = Annotated[int, Strict()]
Flag = Annotated[bool, Strict()]
