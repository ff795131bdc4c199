"""What the server would refuse after the push, refused before it: nothing is sent that cannot be deployed."""

from collections.abc import Mapping
from typing import Any

from loco_cli.build.engine import Engine
from loco_spec import image_rules
from loco_spec.api import Server
from loco_spec.errors import EngineUnavailable
from loco_spec.kinds.service import Service


def check(engine: Engine, image: str, spec: Service, server: Server) -> None:
    """Judge the engine's image by what the server told of itself; an older server told nothing, and judges alone.

    Raises:
        ImageRefused: it would be refused.
        EngineUnavailable: the image went away.
    """
    found = engine.inspect(image)
    if found is None:
        raise EngineUnavailable(
            f"the image went out of the container engine at {engine.address} before it could be pushed",
            hint="loco deploy",
        )
    built = spec.image is None
    if server.platform is not None:
        image_rules.platform([platform(found)], server.platform, built=built)
    config = found.get("Config") or {}
    image_rules.user_before_push(str(config.get("User") or ""), override=spec.security.user, built=built)
    if server.uncompressed_bytes is not None:
        image_rules.unpacked_size(int(found.get("Size") or 0), server.uncompressed_bytes)


def platform(inspected: Mapping[str, Any]) -> str:
    os, architecture, variant = (str(inspected.get(key) or "") for key in ("Os", "Architecture", "Variant"))
    return image_rules.platform_name(os, architecture, variant)
