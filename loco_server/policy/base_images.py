"""The base images that an operator allows: a TOML file, named by `LOCO_BASE_IMAGES`.

    [[base]]
    name = "debian:12"                   # what people are told to build on
    layers = ["sha256:4f5c…"]            # the ids of its unpacked layers, the lowest first

`loco-server base-images add debian:12` writes an entry. Several of one name stand beside one another: yesterday's
images go on deploying until their entry is taken out.
"""

import re
import tomllib
from dataclasses import dataclass
from typing import Any

_DIFF_ID = re.compile(r"sha256:[0-9a-f]{64}")
_HEADING = re.compile(r"\s*\[\[\s*base\s*\]\]")


@dataclass(frozen=True)
class BaseImage:
    name: str
    layers: tuple[str, ...]


def parse(text: str) -> tuple[BaseImage, ...]:
    """Read the file's text.

    Raises:
        ValueError: it is not such a file; the message tells the line.
    """
    data = tomllib.loads(text)  # its error tells the line
    strange = sorted(data.keys() - {"base"})
    if strange:
        raise ValueError(f'unknown key "{strange[0]}"; expected [[base]]')
    entries = data.get("base")
    if not isinstance(entries, list) or not entries:
        raise ValueError("expected at least one [[base]]: without any, no image would be allowed")
    lines = [number for number, line in enumerate(text.splitlines(), 1) if _HEADING.match(line)]
    found = []
    for index, entry in enumerate(entries):
        fault = _fault(entry)
        if fault:
            where = f"line {lines[index]}" if len(lines) == len(entries) else f"base[{index}]"
            raise ValueError(f"{where}: {fault}")
        found.append(BaseImage(entry["name"], tuple(entry["layers"])))
    return tuple(found)


def _fault(entry: Any) -> str:
    if not isinstance(entry, dict):
        return "expected a table with name and layers"
    strange = sorted(entry.keys() - {"name", "layers"})
    if strange:
        return f'unknown key "{strange[0]}"; known here: name, layers'
    name, layers = entry.get("name"), entry.get("layers")
    if not isinstance(name, str) or not name.strip():
        return 'expected a name such as "debian:12"'
    if not isinstance(layers, list) or not layers:
        return "expected layers: the ids of the base image's unpacked layers, at least one"
    for layer in layers:
        if not isinstance(layer, str) or not _DIFF_ID.fullmatch(layer):
            return f"expected the id of a layer: sha256: and 64 of 0-9, a-f; not {layer!r}"
    return ""
