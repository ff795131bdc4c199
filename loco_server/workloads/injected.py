"""The variables that loco gives every container: who it is, and where the team's other apps answer. Pure."""

from collections.abc import Mapping

from loco_spec import names
from loco_spec.kinds.service import Service


def variables(
    *,
    app: str,
    team: str,
    deployment: int,
    url: str | None,
    others: Mapping[str, Service],
    hosts: Mapping[str, str],
) -> tuple[tuple[str, str], ...]:
    """Give `LOCO_APP`, `LOCO_TEAM`, `LOCO_DEPLOYMENT`, `LOCO_URL`, and host and first port of each other app.

    `hosts`: under which name the engine lets the team's apps reach one another.
    """
    found = {"LOCO_APP": app, "LOCO_TEAM": team, "LOCO_DEPLOYMENT": f"v{deployment}"}
    if url is not None:
        found["LOCO_URL"] = url
    for other, spec in others.items():
        if other != app:
            found[names.host_variable(other, "HOST")] = hosts[other]
            found[names.host_variable(other, "PORT")] = str(spec.ports[0].port)
    return tuple(sorted(found.items()))
