"""What would change, as people read it: `+` comes, `-` goes, `~` is another; within 80 columns."""

import re
from collections.abc import Sequence

from loco_cli.ui import errors
from loco_cli.ui.render import human
from loco_cli.ui.text import cells, safe
from loco_spec.changes import Change, Plan
from loco_spec.errors import from_problem

WIDTH = 80
_FIELD = 32
"""The column of fields is no wider: what is longer has lines of its own."""
_DIGEST = re.compile(r"sha256:([0-9a-f]{12})[0-9a-f]{52}")
_BEFORE_IT = 12
"""Characters that are left of what two long values have in common."""


@human.register
def _(value: Plan) -> list[str]:
    app = f"{safe(value.app)} (team {safe(value.team)})"
    if value.unchanged:
        found = [f"v{value.live} of {app} is live, nothing would change"]
    elif value.live is None:
        found = [f"nothing of {app} is live, all of it would be new:"]
    else:
        found = [f"what would change of {app}, against v{value.live}:"]
    found += lines(value.changes)
    found += [f"note: {safe(note)}" for note in value.notes]
    found += [f"engine: {safe(said)}" for said in value.engine]
    for problem in value.refused:
        first, *rest = errors.lines(from_problem(problem, status=500))
        found += [f"would be refused: {first.removeprefix('error: ')}", *(f"  {line}" for line in rest)]
    return found


def lines(changes: Sequence[Change]) -> list[str]:
    """Give a line for each change, or three where its values need the room."""
    column = min(_FIELD, max((cells(safe(change.field)) for change in changes), default=0))
    return [line for change in changes for line in _lines(change, column)]


def _lines(change: Change, column: int) -> list[str]:
    name, before, after = safe(change.field), _text(change.before), _text(change.after)
    mark = "+" if before is None else "-" if after is None else "~"
    values = [value for value in (before, after) if value is not None]
    line = f"{mark} {name}{' ' * (column - cells(name))}  {' -> '.join(values)}"
    if cells(line) <= WIDTH:
        return [line]
    head = [f"{mark} {name}"]
    if len(values) == 1:
        return [*head, f"     {_cut(values[0], 0)}"]
    pairs = enumerate(zip(*values, strict=False))
    same = next((at for at, (had, has) in pairs if had != has), min(map(len, values)))
    return [*head, f"     {_cut(values[0], same)}", f"  -> {_cut(values[1], same)}"]


def _text(value: str | None) -> str | None:
    return None if value is None else _DIGEST.sub(r"\1", safe(value))


def _cut(text: str, same: int) -> str:
    """Shorten a long text; where it differs from another is seen all the same."""
    room = WIDTH - 5
    if cells(text) <= room:
        return text
    if same > room // 2:
        text = "..." + text[same - _BEFORE_IT :]
    text = text[: room + 1]
    while cells(text) > room:
        text = f"{text.removesuffix('...')[:-1]}..."
    return text
