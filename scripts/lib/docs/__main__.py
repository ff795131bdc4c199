"""Write the pages anew: `python -m docs FOLDER`."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from docs import cli, errors, loco_toml

PAGES: Mapping[str, Callable[[str], str]] = {
    "cli.md": cli.page,
    "errors.md": errors.page,
    "loco-toml.md": loco_toml.page,
}
"""Name → what makes the page, given the one that is there: who generates a part of a page keeps the rest."""


def stale(folder: Path) -> dict[str, str]:
    """Give the pages that are not what they must be, by name, as they must be."""
    written = {name: path.read_text(encoding="utf-8") if (path := folder / name).exists() else "" for name in PAGES}
    made = {name: page(written[name]) for name, page in PAGES.items()}
    return {name: text for name, text in made.items() if text != written[name]}


def main(folder: Path) -> None:
    for name, text in stale(folder).items():
        (folder / name).write_text(text, encoding="utf-8")
        print(f"{folder / name} is new")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
