"""GitHub Actions: what failed, as annotations of a job; and nothing else that the job's runner would obey.

The runner reads orders from stdout and stderr alike: lines that begin with `::`, and the older `##[` anywhere in one
(https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions).
"""

import os
import re

from loco_cli.given import is_on
from loco_cli.ui.text import safe
from loco_spec.errors import FieldFault, LocoError

MOST = 10
"""The runner keeps no more of a step."""
_ORDER = re.compile(r"^(\s*):(?=:)|##(?=\[)")


def here() -> bool:
    return is_on("GITHUB_ACTIONS")


def harmless(line: str) -> str:
    """Take from a line what would make it an order."""
    return _ORDER.sub(lambda found: f"{found[0]} ", line)


def annotations(error: LocoError) -> list[str]:
    """Give a line for each faulty place of a file, or one for the whole."""
    placed = [_order(fault.message, **_place(fault)) for fault in error.fields if fault.file and fault.line]
    words = f"{error.message}\nnext: {error.hint}" if error.hint else error.message
    return placed[:MOST] or [_order(words, title=f"loco: {error.code}")]


def _place(fault: FieldFault) -> dict[str, str]:
    """Where it is in the repository, of which a job sees the root as GITHUB_WORKSPACE."""
    root = os.environ.get("GITHUB_WORKSPACE") or "."
    found = {"file": os.path.relpath(fault.file or "", root), "line": str(fault.line)}
    return found if fault.column is None else {**found, "col": str(fault.column)}


def _order(message: str, **properties: str) -> str:
    named = ",".join(f"{name}={_escaped(text, ':,')}" for name, text in properties.items())
    words = _escaped("\n".join(map(safe, message.splitlines())))
    return f"::error {named}::{words}"


def _escaped(text: str, more: str = "") -> str:
    return "".join(f"%{ord(char):02X}" if char in f"%\r\n{more}" else char for char in text)
