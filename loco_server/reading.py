"""Reading the operator's variables: what is wrong with them is collected, and told all at once."""

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


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


def secret_mode(others: int) -> str:
    """Say what a secret's file is to be set to that has one of the permission bits `others`."""
    return "chmod 600" if others & 0o040 else "chmod 600, or defaultMode: 0440 for a Secret"
