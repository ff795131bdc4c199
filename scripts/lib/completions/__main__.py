"""Write the files: `python -m completions FOLDER`."""

import sys
from collections.abc import Callable
from pathlib import Path

from completions import bash, fish, help, zsh  # noqa: A004  the page, not the built-in
from completions.tree import Command, tree

FILES: dict[str, Callable[[Command], str]] = {
    "loco.bash": bash.script,
    "_loco": zsh.script,
    "loco.fish": fish.script,
    "help.json": help.script,
}


def main(folder: Path) -> None:
    root = tree()
    for name, script in FILES.items():
        (folder / name).write_text(script(root), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
