"""What may come back: of the deployments that served, which one is meant, and which ones can be. Pure."""

from collections.abc import Sequence

from loco_server.policy.changes import Digests, same
from loco_server.records.values import DeploymentRecord

LISTED = 5


def alike(one: DeploymentRecord, other: DeploymentRecord) -> bool:
    """Whether nothing would change if one took the other's place."""
    return same(one, other.spec, other.routes, other.digest, other.variables)


def missing(item: DeploymentRecord, digests: Digests) -> list[str]:
    """Give the names of its variables whose values were purged."""
    return sorted(name for name, version in item.variables.items() if digests.get((name, version)) is None)


def before(live: DeploymentRecord, served: Sequence[DeploymentRecord]) -> DeploymentRecord | None:
    """Give the last that served before the live one, and differs from it. By when each went live, not by number."""
    older = [item for item in served if _since(item) < _since(live) and not alike(item, live)]
    return max(older, key=_since, default=None)


def possible(live: DeploymentRecord, served: Sequence[DeploymentRecord], digests: Digests) -> list[int]:
    """Give the numbers of those that can come back, the newest first."""
    found = [
        item
        for item in served
        if not alike(item, live) and not item.image_deleted and not missing(item, digests) and item.digest
    ]
    return [item.number for item in sorted(found, key=_since, reverse=True)]


def _since(item: DeploymentRecord) -> float:
    return 0.0 if item.live_at is None else item.live_at.timestamp()
