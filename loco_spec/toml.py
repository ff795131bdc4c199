"""Find loco.toml, parse it, and report every fault at once, each where it stands."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from loco_spec import names, positions, suspicious
from loco_spec.app import APP
from loco_spec.errors import ConfigError, FieldFault
from loco_spec.faults import dotted, told
from loco_spec.kinds.service import Service
from loco_spec.positions import Positions, Span
from loco_spec.rules import Loc
from loco_spec.suspicious import masked

FILE_NAME = "loco.toml"

_AT = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_TWICE = ("Cannot overwrite", "Cannot declare", "Duplicate inline table key")


@dataclass(frozen=True)
class Loaded:
    """What was read, and what is known of where it came from."""

    app: Service
    file: str | None
    """As it is shown; None where there is no loco.toml."""
    written: Mapping[str, Any]
    """As it was written, before any default."""
    positions: Positions
    warnings: tuple[FieldFault, ...]
    """What is legal, and suspicious."""


def find(folder: Path) -> Path | None:
    """Give the folder's loco.toml; None when it has none."""
    candidate = folder / FILE_NAME
    return candidate if candidate.is_file() else None


def load(folder: Path) -> Service:
    """Read the folder's loco.toml, or make up the one that an empty file would be.

    Raises:
        ConfigError: with all faults.
    """
    return read(folder).app


def read(folder: Path) -> Loaded:
    """Read the folder's loco.toml, with what is known of it.

    Raises:
        ConfigError: with all faults.
    """
    path = find(folder)
    default_name = names.slugify(folder.resolve().name)
    if path is None:
        return Loaded(Service(name=default_name), None, {}, positions.read(""), ())
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as e:
        raise ConfigError(f"{path} is not UTF-8 text (byte {e.start})", hint="save it as UTF-8") from e
    except OSError as e:
        raise ConfigError(f"{path} cannot be read: {e.strerror}", hint=f"see who may read it: ls -l {path}") from e
    return parsed(text, default_name=default_name, file=str(path))


def parse(text: str, *, default_name: str, file: str = FILE_NAME) -> Service:
    """Read the text of a loco.toml.

    Raises:
        ConfigError: with all faults.
    """
    return parsed(text, default_name=default_name, file=file).app


def parsed(text: str, *, default_name: str, file: str = FILE_NAME) -> Loaded:
    """Read the text of a loco.toml, with what is known of it.

    Raises:
        ConfigError: with all faults.
    """
    data, found = _data(text, file)
    if data is None:
        raise _error(file, found)
    where = positions.read(text)
    try:
        app = APP.validate_python({"name": default_name, **data})
    except ValidationError as e:
        found += [_fault(where, loc, message, file) for loc, message in told(e)]
        raise _error(file, found) from e
    if found:
        raise _error(file, found)
    assert isinstance(app, Service)  # noqa: S101  the union's other member refuses itself
    warnings = tuple(_fault(where, loc, message, file) for loc, message in suspicious.found(app))
    return Loaded(app, file, data, where, warnings)


def _data(text: str, file: str) -> tuple[dict[str, Any] | None, list[FieldFault]]:
    """Give what the text says, without the keys that stand there a second time, and a fault for each of those.

    None, when it is no TOML: the last fault then says where.
    """
    found: list[FieldFault] = []
    rest = text
    while True:  # each round takes something away
        try:
            return tomllib.loads(rest), found
        except RecursionError:
            return None, [*found, FieldFault(path="", message="nested too deeply", file=file)]
        except ValueError as e:  # TOMLDecodeError, and int() for a number of thousands of digits
            twice = positions.read(rest).duplicates if str(e).startswith(_TWICE) else ()
            if not twice:
                return None, [*found, _syntax(rest, str(e), file)]
            where = positions.read(rest)
            for item in twice:
                line, _ = where.line_column(item.first.start)
                message = f"this stands there twice: first in line {line}"
                found.append(_located(where, item.key, dotted(item.path), message, file))
                rest = _without(rest, item.whole)


def _without(text: str, span: Span) -> str:
    """Blank it out, so that everything else stays where it is."""
    return text[: span.start] + re.sub(r"[^\r\n]", " ", text[span.start : span.end]) + text[span.end :]


def _syntax(text: str, message: str, file: str) -> FieldFault:
    match = _AT.search(message)
    where = positions.read(text)
    reason = message[: match.start()] if match is not None else message
    if match is not None and match[1] is not None:
        starts = [0, *(found.end() for found in re.finditer("\n", text))]
        start = min(starts[min(int(match[1]), len(starts)) - 1] + int(match[2]) - 1, len(text))
    elif message.startswith("Exceeds the limit"):  # of int(), in the interpreter's own words
        digits = re.search("[0-9]{1000,}", text)
        start, reason = (digits.start() if digits else 0), "A number of this length cannot be read"
    else:
        start = len(text.rstrip())
    line = text[text.rfind("\n", 0, start) + 1 :].partition("\n")[0]
    return _located(where, Span(start, start + 1), "", _hinted(reason, text[start:], shown=masked(line) == line), file)


def _hinted(reason: str, rest: str, *, shown: bool) -> str:
    """TOML's own words, and what is most often meant where people write that."""
    word = re.match(r"[^\s,\]}#=\"']+", rest)
    if reason == "Invalid value" and word is not None:
        if word[0].lower() in {"true", "false"}:
            return f"not TOML: true and false are written in lower case: {word[0].lower()}"
        return "not TOML: text is written in quotes" + (f': "{word[0]}"' if shown else "")
    return f"not TOML: {reason[:1].lower()}{reason[1:]}"


def _fault(where: Positions, loc: Loc, message: str, file: str) -> FieldFault:
    """Point at the value; at the key, where there is none or the key itself is the fault; else at what holds it."""
    of_key = message.startswith(("unknown key", "expected the name of"))
    span = (where.keys if of_key else where.values).get(loc)
    at = loc
    while span is None and at:
        span = where.values.get(at) if at == loc else None
        span = span or where.keys.get(at)
        at = at[:-1]
    return _located(where, span or Span(0, 0), dotted(loc), message, file)


def _located(where: Positions, span: Span, path: str, message: str, file: str) -> FieldFault:
    line, column = where.line_column(span.start)
    source = masked(where.text.split("\n")[line - 1].rstrip("\r"))
    width = max(1, min(span.end - span.start, len(source) - column + 1))
    return FieldFault(path=path, message=message, file=file, line=line, column=column, width=width, source=source)


def _error(file: str, found: Iterable[FieldFault]) -> ConfigError:
    faults = sorted(found, key=lambda fault: (fault.line or 0, fault.column or 0))
    return ConfigError(
        f"{file} has {len(faults)} fault{'s' if len(faults) > 1 else ''}",
        hint=f"correct {file}, then: loco validate",
        fields=faults,
    )
