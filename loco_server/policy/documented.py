"""The permission table as docs/security.md shows it; scripts/fix writes it there."""

import ast
import inspect
import sys
from itertools import pairwise
from pathlib import Path

from loco_server.policy import permissions
from loco_server.policy.permissions import CAN, ROLES, Permission

BEGIN = "<!-- permissions: written by scripts/fix from loco_server/policy/permissions.py -->"
END = "<!-- permissions: end -->"


def table() -> str:
    """Give the table: a row for each permission of a team, a column for each role and for what a token can."""
    meanings = _meanings()
    head = ["permission", "meaning", *ROLES, *(f"token: {can}" for can in CAN)]
    rows = [head, ["---"] * len(head)]
    columns = [*ROLES.values(), *CAN.values()]
    rows += [
        [f"`{permission}`", meanings[permission.name], *("yes" if permission in column else "" for column in columns)]
        for permission in Permission
        if any(permission in column for column in columns)
    ]
    open_to = [
        f"- `{permission}`: {meanings[permission.name]}"
        for permission in Permission
        if not any(permission in column for column in columns)
    ]
    lines = [" ".join(["|", *(f"{cell} |" if cell else "|" for cell in row)]) for row in rows]
    return "\n".join([*lines, "", "Of no team, and so of no role:", "", *open_to])


def inserted(page: str) -> str:
    """Give the page with the table between its two markers.

    Raises:
        ValueError: it has not both.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the page lacks {BEGIN if not begin else END}")
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def _meanings() -> dict[str, str]:
    """Give the line under each member, which Python itself does not keep."""
    [body] = [
        node.body
        for node in ast.parse(inspect.getsource(permissions)).body
        if isinstance(node, ast.ClassDef) and node.name == Permission.__name__
    ]
    # What a member means is a string of its own in the source: `NAME = …`, then the string.
    return {
        ast.unparse(member.targets[0]): " ".join(ast.literal_eval(line.value).split())
        for member, line in pairwise(body)
        if isinstance(member, ast.Assign) and isinstance(line, ast.Expr)
    }


def main() -> None:
    """Write the table into the pages that are named."""
    for path in map(Path, sys.argv[1:]):
        path.write_text(inserted(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
