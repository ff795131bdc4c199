"""Which paths of a folder are left out: what the walk over it asks, whoever wrote the rules."""

from typing import Protocol


class Level(Protocol):
    """The rules as they stand for what lies directly in one folder."""

    def ignores(self, path: str, *, folder: bool) -> bool:
        """Whether the path (relative to the context, with slashes) is left out."""
        ...

    def below(self, path: str, *, ignored: bool) -> "Level | None":
        """Give the rules in that folder; None when nothing in it can be sent: it need not be walked."""
        ...


class Rules(Protocol):
    @property
    def source(self) -> str | None:
        """The ignore file's path in the context; None when there is none."""
        ...

    @property
    def for_docker(self) -> bool:
        """Whether a builder that reads the folder itself follows the same rules."""
        ...

    @property
    def takes_back(self) -> bool:
        """Whether a rule takes something back (`!`): docker CLIs before 23 read these otherwise."""
        ...

    def top(self) -> Level: ...
