"""The gates between a pushed image and a rollout. Pure: facts in, a refusal out or nothing."""

from loco_server.registries.base import ImageFacts
from loco_server.scanners.base import ScanReport
from loco_spec.errors import ImageRefused, Refused
from loco_spec.values import human_bytes


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


def size(facts: ImageFacts, limit_bytes: int) -> None:
    """Refuse an image whose layers are too large as they are stored.

    Raises:
        ImageRefused: with both sizes.
    """
    if facts.compressed_size > limit_bytes:
        raise ImageRefused(
            f"the image is {human_bytes(facts.compressed_size)} compressed; the limit is {human_bytes(limit_bytes)}",
            hint="make it smaller: a .dockerignore, a smaller base image, a multi-stage build",
        )


def platform(facts: ImageFacts, wanted: str) -> None:
    """Refuse an image that the engine's machine cannot run.

    Raises:
        ImageRefused: with both platforms.
    """
    if facts.platform != wanted:
        raise ImageRefused(
            f"the image is built for {facts.platform}, and the apps run on {wanted}",
            hint=f'set platform = "{wanted}" under [build] in loco.toml and deploy again',
        )


def named_user(facts: ImageFacts) -> str | None:
    """Give the user's name when the image names one instead of a number: look it up before asking `user`."""
    user = facts.user.partition(":")[0]
    return None if not user or user.isdigit() else user


def user(facts: ImageFacts, *, override: int | None, looked_up: int | None) -> int:
    """Give the numeric user that the containers run as; never root.

    Raises:
        ImageRefused: the image runs as root, or its user is nowhere to be found.
    """
    if override is not None:
        return override
    name = named_user(facts)
    uid = looked_up if name else int(facts.user.partition(":")[0] or 0)
    if uid is None:
        raise ImageRefused(
            f'the image runs as user "{name}", whom its /etc/passwd does not know',
            hint="write a number in the Dockerfile (USER 10001), or user = 10001 under [security] in loco.toml",
        )
    if uid == 0:
        raise ImageRefused(
            "the image runs as root, and apps of several teams share this machine",
            hint="add USER 10001 as the Dockerfile's last but one line, or user = 10001 under [security] in loco.toml",
        )
    return uid


def scan(report: ScanReport) -> None:
    """Refuse what a scanner did not clear. A scanner that failed clears nothing.

    Raises:
        ImageRefused: findings, no result, or a failed scan.
    """
    if report.status == "ok":
        return
    raise ImageRefused(
        f"the scan by {report.scanner} ended with: {report.status}{f' ({report.message})' if report.message else ''}",
        hint="correct what was found and deploy again, or ask the operator",
    )
