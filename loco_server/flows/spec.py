"""The spec of a deployment as it is stored, or what is wrong with it."""

from loco_spec.errors import ConfigError, FieldFault, LocoError, UsageError
from loco_spec.kinds.planned import Planned
from loco_spec.kinds.service import Service


def checked(spec: Service | Planned, team: str, name: str) -> Service:
    """The spec as it is stored: its name and team are those of the address it was sent to.

    Raises:
        LocoError: they are not.
    """
    if not isinstance(spec, Service):  # it refuses itself; said here for the type
        raise _not_yet("kind", f'"{spec.kind}" is not there yet')
    if spec.name != name or spec.team not in {None, team}:
        raise UsageError(f"the spec is of {spec.team or team}/{spec.name}, and was sent to {team}/{name}")
    return spec.model_copy(update={"team": None})


def _not_yet(path: str, message: str) -> LocoError:
    return ConfigError(f"{path}: {message}", fields=[FieldFault(path=path, message=message)])
