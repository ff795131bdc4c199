"""How the server tells of itself: the form and the level of its log, and where its metrics are asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal, cast, get_args

Format = Literal["text", "json"]
Level = Literal["debug", "info", "warning"]


@dataclass(frozen=True)
class TelemetrySettings:
    log_format: Format = "text"
    log_level: Level = "warning"
    """On a machine that the world reaches, and in a cluster, `info`: a line for each request."""
    listen: tuple[str, int] | None = None
    """Address and port of a listener for metrics alone; on one machine the API's port on loopback has them too."""


def telemetry_settings(
    environment: Mapping[str, str], *, log_format: str = "text", level: str = "warning"
) -> TelemetrySettings:
    """Read `LOCO_LOG_FORMAT`, `LOCO_LOG_LEVEL` and `LOCO_METRICS_LISTEN`; what is not set is as given.

    Raises:
        ValueError: one does not have the form it needs; the message names it.
    """
    return TelemetrySettings(
        log_format=cast("Format", _one_of(environment, "LOCO_LOG_FORMAT", get_args(Format), log_format)),
        log_level=cast("Level", _one_of(environment, "LOCO_LOG_LEVEL", get_args(Level), level)),
        listen=_listen(environment.get("LOCO_METRICS_LISTEN", "")),
    )


def _one_of(environment: Mapping[str, str], name: str, known: tuple[str, ...], otherwise: str) -> str:
    found = environment.get(name) or otherwise
    if found not in known:
        raise ValueError(f"{name} is {found[:40]!r}; it is one of {', '.join(known)}")
    return found


def _listen(text: str) -> tuple[str, int] | None:
    if not text:
        return None
    address, _, port = text.rpartition(":")
    try:
        found = str(ip_address(address.strip("[]"))), int(port)
    except ValueError:
        found = "", 0
    if not 0 < found[1] < 65536:
        raise ValueError(f"LOCO_METRICS_LISTEN is {text[:60]!r}; it is an address and a port: 10.0.0.5:9464")
    return found
