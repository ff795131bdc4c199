"""The scopes that a registry client asks the token endpoint for: `repository:team/app:pull,push`. Pure."""

import re
from collections.abc import Iterable

from loco_server.gateway.tickets import Grant
from loco_server.registries.base import Action

# type[(class)]:name:actions; the name may carry host and port, so it is whatever stands between first and last colon.
_SCOPE = re.compile(r"(?P<type>[a-z0-9]+)(\([a-z0-9]+\))?:(?P<name>[^ ]+):(?P<actions>[a-z*,]*)", re.ASCII)


def granted(asked: Iterable[str], grant: Grant) -> tuple[Action, ...]:
    """Give the actions that are both asked for and granted; each text may hold several scopes. Never an error."""
    wanted: set[str] = set()
    for scope in (scope for text in asked for scope in text.split()):
        match = _SCOPE.fullmatch(scope)
        if match is not None and match["type"] == "repository" and match["name"] == grant.repository:
            wanted.update(match["actions"].split(","))
    return tuple(action for action in grant.actions if action in wanted or "*" in wanted)
