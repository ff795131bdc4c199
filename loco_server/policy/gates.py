"""The gates that only the server has; the others are `loco_spec.image_rules`. Pure: facts in, a refusal or nothing."""

from collections.abc import Sequence

from loco_server.policy.base_images import BaseImage
from loco_server.registries.base import ImageFacts
from loco_server.scanners.base import ScanReport
from loco_spec.errors import Refused
from loco_spec.image_rules import refusal
from loco_spec.values import human_bytes

NAMES_SHOWN = 6


def room(free_bytes: int, floor_bytes: int, *, where: str) -> None:
    """Refuse new deployments when the disk is nearly full: a full one would stop what runs.

    Raises:
        Refused: with how much is missing.
    """
    if free_bytes < floor_bytes:
        raise Refused(
            f"no room for another deployment: {human_bytes(free_bytes)} free on the disk of {where}, "
            f"and {human_bytes(floor_bytes)} is the least that loco leaves; what runs is not touched",
            hint="free some space on the server (loco destroy an app, docker image prune), then deploy again",
        )


def base(facts: ImageFacts, allowed: Sequence[BaseImage]) -> None:
    """Refuse an image that stands on none of the listed base images, where the operator lists some.

    An image stands on another when its lowest layers are that one's, all of them. The ids are those of the unpacked
    layers: how a registry packs them does not matter, and an engine does not start an image whose layers do not have
    the ids that its configuration claims.

    Raises:
        ImageRefused: with the names of the listed ones.
    """
    if not allowed or any(facts.diff_ids[: len(each.layers)] == each.layers for each in allowed):
        return
    names = sorted({each.name for each in allowed})
    shown = ", ".join(names[:NAMES_SHOWN]) + (f" and {len(names) - NAMES_SHOWN} more" if names[NAMES_SHOWN:] else "")
    raise refusal(
        "base-image-refused",
        f"the image stands on none of the base images that this platform allows: {shown}",
        f"FROM {names[0]} in the Dockerfile's last stage (docker pull it first: an old one may not be listed any "
        "more), or ask the operator",
    )


def scan(report: ScanReport) -> None:
    """Refuse what a scanner did not clear. A scanner that failed clears nothing.

    Raises:
        ImageRefused: findings, no result, or a failed scan.
    """
    if report.status == "ok":
        return
    raise refusal(
        "scan-refused",
        f"the scan by {report.scanner} ended with: {report.status}{f' ({report.message})' if report.message else ''}",
        "correct what was found and deploy again, or ask the operator",
        ("scanner", report.scanner),
    )
