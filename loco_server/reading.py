"""Reading the operator's variables: what is wrong with them is collected, and told all at once."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def listed(text: str) -> tuple[str, ...]:
    """Give what stands between the commas of a variable."""
    return tuple(each.strip() for each in text.split(",") if each.strip())


class Reading:
    def __init__(self) -> None:
        self.faults: list[str] = []

    def take(self, read: Callable[[], T], otherwise: T) -> T:
        """Give what `read` does; where that raises a ValueError, keep its message and give `otherwise`."""
        try:
            return read()
        except ValueError as e:
            self.faults.append(str(e))
            return otherwise

    def refuse(self) -> None:
        """Stop where something was wrong.

        Raises:
            ValueError: with every fault, a line each.
        """
        if len(self.faults) == 1:
            raise ValueError(self.faults[0])
        if self.faults:
            lines = "".join(f"\n  {fault}" for fault in self.faults)
            raise ValueError(f"{len(self.faults)} settings do not work:{lines}")


def secret(name: str, path: Path, *, others: int) -> str:
    """Read the secret in the file that the variable `name` names. No word of it goes into an error.

    Raises:
        ValueError: the file is not there, is empty, is no text, or has one of the permission bits `others`.
    """
    try:
        mode = path.stat().st_mode
        if mode & others:
            raise ValueError(f"{name}: {path} can be read by others (mode {mode & 0o777:o}); {_mode(others)}")
        text = path.read_text(encoding="utf-8").strip()
    except OSError as e:
        raise ValueError(f"{name}: {path} cannot be read: {e.strerror}") from e
    except UnicodeDecodeError:
        raise ValueError(f"{name}: {path} is not a text in UTF-8") from None  # the fault would show what stands there
    if not text:
        raise ValueError(f"{name}: {path} is empty")
    return text


def _mode(others: int) -> str:
    """Say what a secret's file is to be set to that has one of the permission bits `others`."""
    return "chmod 600" if others & 0o040 else "chmod 600, or defaultMode: 0440 for a Secret"
