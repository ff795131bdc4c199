"""The effective configuration of a folder: every key of loco.toml, its value, and where that came from."""

from collections.abc import Iterator
from typing import Any

from loco_cli.ui.results import Setting
from loco_spec.faults import dotted
from loco_spec.rules import Loc
from loco_spec.suspicious import looks_secret
from loco_spec.toml import Loaded

HIDDEN = "(hidden)"
_MADE_UP: dict[Loc, str] = {
    ("name",): "the folder's name",
    ("team",): "your own team",
    ("command",): "the image's",
    ("security", "user"): "the image's USER",
    ("build", "target"): "the last stage",
    ("build", "platform"): "the engine's",
    ("health", "path"): "a TCP connection",
}


def settings(loaded: Loaded) -> tuple[Setting, ...]:
    """Give every key in the order of the reference. Values that look like secrets are not shown."""
    found = []
    for loc, value in _leaves((), loaded.app.model_dump(mode="json")):
        shown = HIDDEN if loc[:1] == ("env",) and looks_secret(str(loc[-1]), str(value)) else value
        found.append(Setting(key=dotted(loc), value=shown, source=_source(loaded, loc, value)))
    return tuple(found)


def _leaves(loc: Loc, value: Any) -> Iterator[tuple[Loc, Any]]:
    if isinstance(value, dict) and value:
        # A table within a table ends it, in TOML: it comes last.
        for key, item in sorted(value.items(), key=lambda pair: _is_table(pair[1])):
            yield from _leaves((*loc, key), item)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for index, item in enumerate(value):
            yield from _leaves((*loc, index), item)
    elif value != {}:
        yield loc, value


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and bool(value) and isinstance(value[0], dict))


def _source(loaded: Loaded, loc: Loc, value: Any) -> str:
    places = loaded.positions.values
    written = ("port",) if loc == ("ports", 0, "port") and loc not in places else loc
    if written in places:
        line, _ = loaded.positions.line_column(places[written].start)
        return f"{loaded.file}:{line}"
    if loc[0] == "routes" and loc[-1] == "host" and value is None:
        return "the app's name"
    if loc[0] == "routes" and loc[-1] == "port" and value is None:
        return "the first port"
    return _MADE_UP.get(loc, "default") if value is None or loc == ("name",) else "default"
