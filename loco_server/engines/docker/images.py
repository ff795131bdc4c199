"""Images come by digest through the registry gateway, with the app's own pull credential and nothing of ~/.docker."""

import asyncio
import re
import time
from collections.abc import Iterable
from typing import Any

from loco_server.engines import explaining
from loco_server.engines.base import AppRef, Emit, Guard, Rollout, RolloutFailedError
from loco_server.engines.docker.client import Docker, RefusedError
from loco_server.engines.docker.instances import while_ours
from loco_spec import names

AWAY_SECONDS = 75.0
"""So long the registry, or the edge before it, may be away or fail, as one does whose storage is away for a minute."""
MARGIN_SECONDS = 3.0
_AWAY = re.compile(r"connection refused|connection reset|\bEOF\b|\b50[0234]\b|unavailable", re.IGNORECASE)
_REFERENCE = re.compile(r"(?P<repository>.+)@(?P<digest>sha256:[0-9a-f]{64})")


async def in_time(docker: Docker, rollout: Rollout, seconds: float, *, emit: Emit, guard: Guard) -> None:
    """As `ensure`, and no longer than so many seconds.

    Raises:
        RolloutFailedError: also when it takes longer.
    """
    try:
        async with asyncio.timeout(seconds):
            await while_ours(ensure(docker, rollout, emit=emit, guard=guard, within=seconds), guard)
    except TimeoutError as error:
        raise RolloutFailedError(explaining.pull_late(rollout.timeout_seconds)) from error


async def ensure(docker: Docker, rollout: Rollout, *, emit: Emit, guard: Guard, within: float) -> None:
    """Pull the rollout's image, unless the engine has it by that very digest.

    `within`: seconds after which nobody waits any more; a registry that is away is told of shortly before.

    Raises:
        RolloutFailedError: the registry's answer, or the engine's.
    """
    image = rollout.unit.image
    if await present(docker, image):
        return
    await guard()
    started = time.monotonic()
    match = _REFERENCE.fullmatch(image)
    if match is None:
        raise _failed(rollout, "the engine has no such image, and it has no digest to pull it by")
    credential = {"username": rollout.pull.username, "password": rollout.pull.password}
    told, patience = False, min(AWAY_SECONDS, within - MARGIN_SECONDS)
    while fault := await _pull(docker, match["repository"], match["digest"], credential):
        if time.monotonic() - started > patience or not _AWAY.search(fault):
            raise _failed(rollout, fault)
        if not told:
            await emit("the registry does not answer, or fails; trying again")
            told = True
        await asyncio.sleep(1)
        await guard()
    await emit(f"image pulled ({time.monotonic() - started:.1f} s)")


async def _pull(docker: Docker, repository: str, digest: str, credential: dict[str, str]) -> str:
    """Give the fault; empty when the image came."""
    try:
        fault: str = await docker.run(
            lambda sdk: _fault(sdk.pull(repository, tag=digest, auth_config=credential, stream=True, decode=True))
        )
    except RefusedError as error:
        return error.message
    return fault


async def present(docker: Docker, image: str) -> bool:
    try:
        await docker.call("inspect_image", image)
    except RefusedError as error:
        if error.missing:
            return False
        raise
    return True


async def tidy(docker: Docker, app: AppRef, *, keep: frozenset[str]) -> None:
    """Remove the engine's copies of the app's images whose digests are not in `keep`; the registry has its own.

    What a person or another container still uses is left: the engine refuses, and that is no error.
    """
    repository = names.repository(app.team, app.app, app.app_id)
    images: list[dict[str, Any]] = await docker.call("images")
    for reference in (reference for image in images for reference in image.get("RepoDigests") or ()):
        name, _, digest = reference.partition("@")
        if name.endswith(f"/{repository}") and digest not in keep:
            try:
                await docker.call("remove_image", reference)
            except RefusedError:
                continue


def _fault(records: Iterable[dict[str, Any]]) -> str:
    """Read a pull to its end; give the error it told of, or nothing."""
    fault = ""
    for record in records:
        fault = str(record.get("error") or fault)
    return fault


def _failed(rollout: Rollout, said: str) -> RolloutFailedError:
    return RolloutFailedError(explaining.pull(f"v{rollout.deployment}", rollout.pull.registry, said))
