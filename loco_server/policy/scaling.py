"""Another [scale] for what runs. Pure."""

from pydantic import ValidationError

from loco_spec.again import ScaleChange
from loco_spec.errors import ConfigError, FieldFault, InvalidRequest
from loco_spec.faults import dotted, told
from loco_spec.kinds.service import Service
from loco_spec.runtime import Scale


def scaled(spec: Service, asked: ScaleChange) -> Service:
    """Give the spec with another [scale], held to the rules of loco.toml; what is asked for already leaves it.

    Raises:
        InvalidRequest: so many more or fewer of a range, or fewer than one.
        ConfigError: what loco.toml would be refused for.
    """
    scale = spec.scale
    if asked.add is not None:
        if scale.most > scale.least:
            raise InvalidRequest(
                f"{spec.name} scales between {scale.least} and {scale.most} by itself: say its range, or one number",
                hint=f"loco scale --max {scale.most + asked.add}",
            )
        wanted = {"replicas": scale.least + asked.add}
        if wanted["replicas"] < 1:
            now = f"{scale.least} replica{'' if scale.least == 1 else 's'}"
            raise InvalidRequest(f"{spec.name} has {now}, and keeps one at least", hint="loco scale 1")
    elif asked.replicas is not None:
        wanted = {"replicas": asked.replicas}
    else:
        has = {"min": scale.least, "max": scale.max, "cpu": scale.cpu}
        said = asked.model_dump(include={"min", "max", "cpu"}, exclude_none=True)
        wanted = {name: value for name, value in {**has, **said}.items() if value is not None}
    try:
        found = Service.stored({**spec.model_dump(mode="json"), "scale": wanted})
    except ValidationError as e:
        faults = [FieldFault(path=dotted(loc), message=text) for loc, text in told(e)]
        first = faults[0]
        raise ConfigError(f"{first.path}: {first.message}", fields=faults, hint="loco scale --help") from e
    return spec if _same(found.scale, scale) else found


def _same(one: Scale, other: Scale) -> bool:
    ranged = one.most > one.least
    return (one.least, one.most, one.cpu if ranged else None) == (
        other.least,
        other.most,
        other.cpu if ranged else None,
    )
