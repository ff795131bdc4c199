"""What a reader would complain of in the tree as a whole: sizes, and words that belong to one machine."""

import ast
import re
import subprocess
import sys
from pathlib import Path

# The first prefix that fits counts. What both are thin in is their core: the members of seams, and on the server the
# parts of the single machine, are apart (docs/decisions has the reason).
BUDGETS = {
    # Reading a file for a person, and saying where it is wrong, is apart from the contract that both sides share.
    **dict.fromkeys(
        [f"loco_spec/{name}.py" for name in ("positions", "faults", "toml", "suspicious", "schema", "references")], 250
    ),
    "loco_spec/": 1600,
    "loco_cli/build/builders/": 1500,
    # What is looked at and judged when a deploy does not go through: no other command runs it.
    "loco_cli/doctor/": 1000,
    "loco_cli/": 7300,
    **dict.fromkeys([f"loco_server/engines/{member}/" for member in ("docker", "kubernetes")], 4000),
    **dict.fromkeys([f"loco_server/{part}/" for part in ("engines", "registries", "identity", "scanners")], 4000),
    **dict.fromkeys([f"loco_server/{part}/" for part in ("edge", "local", "cluster", "serving")], 2500),
    # How the server tells of itself: no flow depends on it, and it knows none.
    "loco_server/telemetry/": 1500,
    # What is looked at and judged when something is wrong with an installation: no server runs it.
    "loco_server/check/": 2000,
    # What the operator types, and steps between schemas that nobody reads again once they are written.
    **dict.fromkeys([f"loco_server/{part}/" for part in ("admin", "records/migrations")], 1000),
    "loco_server/": 10500,
}
FILE_LINES = 350
# Put together here, so that this file does not find itself.
FOREIGN = re.compile(
    "|".join(
        (
            "/" + "work/",
            "/" + "root/",
            "pypi" + r"\.org",
            "python" + "hosted",
            "deb" + r"\.debian\.org",
            "npm" + r"js\.",
        )
    )
)


def code_lines(text: str) -> int:
    """Count the lines that are neither blank nor a comment nor part of a docstring."""
    told: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        for statement in getattr(node, "body", []) if isinstance(getattr(node, "body", None), list) else []:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                told |= set(range(statement.lineno, (statement.end_lineno or statement.lineno) + 1))
    lines = enumerate(text.splitlines(), 1)
    return sum(1 for n, line in lines if n not in told and line.strip() and not line.strip().startswith("#"))


def main() -> int:
    faults = []
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], check=True, capture_output=True, text=True
    )
    for name in listed.stdout.splitlines():
        path = Path(name)
        if not path.is_file():
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        count = text.count("\n")
        part = next((prefix for prefix in BUDGETS if name.startswith(prefix)), None)
        if part is not None and path.suffix == ".py":
            BUDGETS[part] -= code_lines(text)
            if count > FILE_LINES:
                faults.append(f"{name}: {count} lines, {FILE_LINES} at most: two rooms may be easier to live in")
        faults += [
            f"{name}:{n}: {m[0]!r} belongs to one machine"
            for n, line in enumerate(text.splitlines(), 1)
            if (m := FOREIGN.search(line))
        ]
    faults += [f"{part}: {-left} lines of code over its budget" for part, left in BUDGETS.items() if left < 0]
    print("\n".join(faults), file=sys.stderr, end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
