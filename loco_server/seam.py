"""Load a seam's member by name from the seam's table of `name → "module:Class"`."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any


def load(table: Mapping[str, str], name: str, *, seam: str) -> Any:
    """Import and give the member's class. A named member that cannot be loaded is an error, never a fallback.

    Raises:
        LookupError: the table has no such name; the message lists the names it has.
    """
    if name not in table:
        raise LookupError(f"there is no {seam} {name!r}; there is: {', '.join(sorted(table))}")
    module, _, attribute = table[name].partition(":")
    return getattr(import_module(module), attribute)
