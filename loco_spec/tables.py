"""What every table of loco.toml is made from: frozen, and closed to keys it does not know."""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, Strict


class Table(BaseModel):
    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid", str_strip_whitespace=False)

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: GetJsonSchemaHandler, /) -> dict[str, Any]:
        """Let the docstring under a field be its description: what an editor shows.

        pydantic has a way of its own, and reads source for it whenever a class is imported: a tenth of each command.
        """
        made = handler(core_schema)
        properties = handler.resolve_ref_schema(made).get("properties", {})
        for name, told in _told(cls):
            properties[name].setdefault("description", told)
        return made


def _told(cls: type) -> Iterator[tuple[str, str]]:
    match ast.parse(textwrap.dedent(inspect.getsource(cls))).body:
        case [ast.ClassDef(body=body)]:
            for field, text in pairwise(body):
                match field, text:
                    case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(told))):
                        yield name, inspect.cleandoc(told)


# TOML has types of its own: "8080" is text and 1.0 no whole number, and neither is taken for the other.
Whole = Annotated[int, Strict()]
Flag = Annotated[bool, Strict()]
