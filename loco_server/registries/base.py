"""What every registry promises to the server. Nobody but the server and the edge talks to it."""

from dataclasses import dataclass
from typing import Literal, Protocol

Action = Literal["pull", "push"]


@dataclass(frozen=True)
class ImageFacts:
    """What the gates ask of a pushed image. Sizes in bytes."""

    digest: str
    compressed_size: int
    platform: str
    """`linux/amd64`."""
    user: str
    """As the image has it: "", "0", "app", "10001:10001"."""
    config_digest: str
    layers: tuple[str, ...]
    """Digests of the blobs, the lowest first."""
    diff_ids: tuple[str, ...] = ()
    """Of the same layers unpacked, as the image's configuration has them."""


class RegistryDownError(Exception):
    """The registry did not answer, or answered with a fault of its own."""


class ImageMissingError(Exception):
    """The repository has no such image."""


class ImageUnreadableError(Exception):
    """The image is there, but a layer cannot be looked into; the message says why and what to do."""


class Registry(Protocol):
    async def upstream_authorization(self, repository: str, actions: tuple[Action, ...]) -> str:
        """Give the `Authorization` that the gateway puts on an allowed request: never shown to a tenant.

        Distribution's is signed from memory alone. Where it has to be bought, that is at most one purchase upstream for
        a repository and its actions, kept until shortly before it ends.

        Raises:
            RegistryDownError: none is to be had now.
        """
        ...

    async def image(self, repository: str, digest: str) -> ImageFacts:
        """Read manifest and config.

        Raises:
            ImageMissingError: not there, or the manifest lists something that is not.
            RegistryDownError: no answer.
        """
        ...

    async def user_id(self, repository: str, facts: ImageFacts, name: str) -> int | None:
        """Look up a named user in the image's own /etc/passwd, newest layer first; None when it has none.

        Raises:
            ImageUnreadableError: a layer that would have to be read is not a tar archive, plain or gzip.
            RegistryDownError: no answer.
        """
        ...

    async def group_id(self, repository: str, facts: ImageFacts, name: str) -> int | None:
        """The same for a named group, in /etc/group."""
        ...

    async def delete(self, repository: str, digest: str) -> None:
        """Delete a manifest. Unknown is no error.

        Raises:
            RegistryDownError: no answer, or the registry does not let its account delete.
        """
        ...

    async def manifests(self, repository: str) -> frozenset[str]:
        """Digests of all tagged manifests of the repository; empty for an unknown one."""
        ...
