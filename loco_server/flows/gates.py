"""The gates that an image passes between its push and the worker."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from loco_server.policy import gates
from loco_server.policy.base_images import BaseImage
from loco_server.records.values import AppRecord
from loco_server.registries.base import ImageMissingError, ImageUnreadableError, Registry, RegistryDownError
from loco_server.scanners.base import Scanner
from loco_spec import image_rules, names
from loco_spec.kinds.service import Service

REGISTRY_AWAY_SECONDS = 75.0
"""For so long an image waits in its gates for a registry that does not answer, or fails."""


@dataclass(frozen=True)
class Gates:
    registry: Registry
    scanner: Scanner
    platform: str
    base_images: Sequence[BaseImage]

    async def passed(self, app: AppRecord, spec: Service, digest: str, *, image_bytes: int) -> tuple[int, int | None]:
        """Give the user and the group, if it says one, that the image runs as.

        Raises:
            ImageRefused: a gate said no.
            RegistryDownError: the image could not be looked at for so long; who pushed it need not push it again.
        """
        started = time.monotonic()
        while True:
            try:
                return await self._passed(app, spec, digest, image_bytes=image_bytes)
            except RegistryDownError:
                if time.monotonic() - started >= REGISTRY_AWAY_SECONDS:
                    raise
                await asyncio.sleep(1)

    async def _passed(self, app: AppRecord, spec: Service, digest: str, *, image_bytes: int) -> tuple[int, int | None]:
        repository = names.repository(app.team, app.name, app.id)
        try:
            facts = await self.registry.image(repository, digest)
        except ImageMissingError as e:
            message = f"the registry has no image of that digest: {e}"
            raise image_rules.refusal("image-gone", message, "loco deploy", ("digest", digest)) from e
        built = spec.image is None
        image_rules.stored_size(facts.compressed_size, image_bytes)
        image_rules.platform([facts.platform], self.platform, built=built)
        gates.base(facts, self.base_images)
        override = spec.security.user
        user = group = None
        try:
            if override is None and (name := image_rules.named_user(facts.user)) is not None:
                user = await self.registry.user_id(repository, facts, name)
            if override is None and (name := image_rules.named_group(facts.user)) is not None:
                group = await self.registry.group_id(repository, facts, name)
        except ImageUnreadableError as e:
            hint = "USER 10001 in the Dockerfile, then: loco deploy"
            raise image_rules.refusal("user-missing", str(e), hint, ("USER of the image", facts.user)) from e
        user_id = image_rules.user_id(facts.user, override=override, looked_up=user, built=built)
        group_id = image_rules.group_id(facts.user, looked_up=group) if override is None else None
        gates.scan(await self.scanner.scan(repository, digest))
        return user_id, group_id
