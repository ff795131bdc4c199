"""What every table of loco.toml is made from: frozen, and closed to keys it does not know."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, Strict


class Table(BaseModel):
    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid", str_strip_whitespace=False)

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Let the docstring under a field be its description: what an editor shows.

        Read from the source when a schema is made. With `use_attribute_docstrings` it would be at every start.
        """
        from loco_spec.schema import docstrings

        made = handler(core_schema)
        properties = handler.resolve_ref_schema(made)["properties"]
        for name, text in docstrings(cls).items():
            properties[name].setdefault("description", text)
        return made


# TOML has types of its own: "8080" is text and 1.0 no whole number, and neither is taken for the other.
Whole = Annotated[int, Strict()]
Flag = Annotated[bool, Strict()]
