"""What scripts/gen-completions has written ahead of the command tree: the help, and the completions of the shells."""

# ruff: noqa: PTH112, PTH118, PTH120 pathlib would take as long as all the rest of a help

import os

_HERE = os.path.dirname(__file__)


def read(name: str) -> str:
    """Give one of the files: in the package when it was installed, beside it in a checkout.

    Raises:
        OSError: it is not there.
    """
    packed = os.path.join(_HERE, "completions")
    folder = packed if os.path.isdir(packed) else os.path.join(os.path.dirname(_HERE), "completions")
    with open(os.path.join(folder, name), encoding="utf-8") as file:
        return file.read()
