"""A fault of loco.toml in words: what was expected there, and the nearest name."""

from collections.abc import Mapping
from typing import Annotated, Any, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ValidationError
from pydantic.fields import FieldInfo

from loco_spec.app import TAGS
from loco_spec.kinds.planned import PLANNED, THERE
from loco_spec.kinds.service import Service
from loco_spec.rules import Loc, nearest
from loco_spec.suspicious import looks_secret

SHORT = {"port": "ports"}
"""Keys that no model has: they are short for another."""


def told(error: ValidationError) -> list[tuple[Loc, str]]:
    """Give place and message of each fault."""
    return [(loc, worded(item, loc)) for item in error.errors(include_url=False) for loc in [place(item["loc"])]]


def place(loc: Loc) -> Loc:
    """A fault's place without what only pydantic knows of: the union's tag, and the marks of a mapping's keys."""
    if loc and loc[0] in TAGS:
        loc = loc[1:]
    return loc[:-1] if loc and loc[-1] == "[key]" else loc


def dotted(loc: Loc) -> str:
    """`("ports", 0, "port")` is `ports[0].port`."""
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def worded(item: Mapping[str, Any], loc: Loc) -> str:
    """Say what was expected."""
    kind, context, value = item["type"], item.get("ctx", {}), item["input"]
    field = _field(loc)
    match kind:
        case "extra_forbidden":
            return _unknown(str(loc[-1]), loc[:-1])
        case "missing":
            return f'"{loc[-1]}" is missing'
        case "int_type" | "int_parsing" | "int_from_float" | "greater_than_equal" | "less_than_equal":
            return f"expected a whole number{_bounds(field)}{_unquoted(value, str.isdigit)}"
        case "bool_type":
            return f"expected true or false{_unquoted(value, lambda text: text in {'true', 'false'})}"
        case "string_type":
            return _text(
                value, field, shown=not (loc[-2:-1] in {("env",), ("args",)} and looks_secret(str(loc[-1]), "?"))
            )
        case "string_too_short":
            return "expected some text"
        case "too_short":
            return "expected one entry at least"
        case "literal_error":
            return _one_of(loc, value, str(context.get("expected", "")))
        case "tuple_type" | "list_type":
            return _array(loc, field)
        case "model_type" | "model_attributes_type" | "dict_type" | "dataclass_type":
            return f"expected a table: {_table(loc)}"
        case _:
            message: str = item["msg"]
            return message.removeprefix("Value error, ")


def _unknown(key: str, table: Loc) -> str:
    known = [*_fields(table), *(SHORT if not table else ())]
    near = nearest(key, known)
    if not near:
        homes = [_table(home) for home in _tables() if key in _fields(home) and home != table]
        places = [f"under {' or '.join(homes)}"] if homes else []
        if table and key in {*_fields(()), *SHORT}:  # what is appended to a file stands in its last table
            places.insert(0, "before the first table")
        near = f"; it belongs {', or '.join(places)}" if places else ""
    return "unknown key" + (near or f"; known here: {', '.join(known)}")


def _one_of(loc: Loc, value: Any, expected: str) -> str:
    if loc == ("kind",):
        return f"expected one of: {', '.join(THERE)}" + nearest(str(value), [*THERE, *PLANNED])
    words = [word.strip("' ") for word in expected.replace(" or ", ",").split(",")]
    return f"expected one of: {', '.join(words)}" + nearest(str(value), words)


def _text(value: Any, field: FieldInfo | None, *, shown: bool) -> str:
    """What text is expected, where the value is none; how it would look, where only the quotes were left off.

    `shown`: false for what may be a secret.
    """
    if not isinstance(value, int | float):
        return "expected text"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    for check in () if field is None else (part.func for part in _parts(field) if isinstance(part, AfterValidator)):
        try:
            check(text)  # type: ignore[call-arg]  # those of loco.toml take the value alone
        except ValueError as error:
            return str(error)
    return f'expected text: write it in quotes, "{text}"' if shown else "expected text: write it in quotes"


def _unquoted(value: Any, fits: Any) -> str:
    return f": write it without quotes, {value}" if isinstance(value, str) and fits(value) else ""


def _array(loc: Loc, field: FieldInfo | None) -> str:
    if field is not None and _model(field.annotation) is not None:
        return f"expected an array of tables: [[{loc[-1]}]]"
    return 'expected an array of texts, such as ["a", "b"]'


def _table(loc: Loc) -> str:
    if not loc:
        return "the keys of loco.toml"
    names = [str(part) for part in loc if isinstance(part, str)]
    return f"[[{'.'.join(names)}]]" if isinstance(loc[-1], int) else f"[{'.'.join(names)}]"


def _bounds(field: FieldInfo | None) -> str:
    found = {} if field is None else dict(_limits(field))
    return f" from {found['ge']} to {found['le']}" if {"ge", "le"} <= set(found) else ""


def _limits(field: FieldInfo) -> list[tuple[str, Any]]:
    return [(name, getattr(part, name)) for part in _parts(field) for name in ("ge", "le") if hasattr(part, name)]


def _parts(field: FieldInfo) -> list[Any]:
    """All that an annotation says beside the type."""
    return [*field.metadata, *(extra for part in _flat(field.annotation) for extra in getattr(part, "metadata", []))]


def _flat(annotation: Any) -> list[Any]:
    """An annotation and all that it is made of; `Annotated` gives its extras too."""
    found = [annotation]
    for argument in get_args(annotation):
        found += _flat(argument) if get_origin(annotation) is not Annotated else [argument, *_flat(argument)]
    return found


def _field(loc: Loc) -> FieldInfo | None:
    """The field that a place names; None for a key that no model has."""
    if len(loc) == 1 and loc[0] in SHORT:
        loc = (SHORT[str(loc[0])], 0, loc[0])
    return _fields(loc[:-1]).get(str(loc[-1])) if loc else None


def _fields(loc: Loc) -> dict[str, FieldInfo]:
    """The fields of the table that a place names; none where it names none."""
    fields: dict[str, FieldInfo] = dict(Service.model_fields)
    for part in loc:
        if isinstance(part, str):
            model = _model(fields[part].annotation) if part in fields else None
            fields = dict(model.model_fields) if model is not None else {}
    return fields


def _tables() -> list[Loc]:
    """The places of all tables: an array's tables by the first of them."""
    return [
        (name, 0) if get_origin(field.annotation) is tuple else (name,)
        for name, field in Service.model_fields.items()
        if _model(field.annotation) is not None
    ]


def _model(annotation: Any) -> type[BaseModel] | None:
    """The model inside an annotation such as `tuple[Port, ...]` or `Metrics | None`."""
    return next(
        (part for part in _flat(annotation) if isinstance(part, type) and issubclass(part, BaseModel)),
        None,
    )
