"""[[ports]] and [[routes]]: where the app listens, and which host and path lead there.

port = 8080                      # short for one http port

[[ports]]
name = "http"
port = 8080
protocol = "http"                # http | h2c | grpc | tcp (tcp: inside the team only)

[[routes]]
host = "shop"                    # a label under the platform's domain, or a whole domain
path = "/api"                    # whole segments
port = "http"
strip_prefix = false
"""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from loco_spec import limits, names
from loco_spec.tables import Flag, Table, Whole

_PORT_NAME = re.compile(r"[a-z]([a-z0-9-]{0,13}[a-z0-9])?")
_PATH = re.compile(r"/|(/[A-Za-z0-9._~!$&'()*+,;=:@-]+)+")

Protocol = Literal["http", "h2c", "grpc", "tcp"]


def _port_name(text: str) -> str:
    if not _PORT_NAME.fullmatch(text):
        raise ValueError('expected at most 15 of a-z, 0-9 and "-", a letter first')
    return text


def _host(text: str) -> str:
    if not names.is_host(text):
        raise ValueError('expected a label such as "shop" or a domain such as "shop.example.com", in lower case')
    if "." not in text and names.is_reserved_host(text):
        raise ValueError(f'"{text}" is reserved, or looks like a name that is')
    return text


def _path(text: str) -> str:
    if not _PATH.fullmatch(text) or any(part in {".", ".."} for part in text.split("/")):
        raise ValueError('expected a path such as "/" or "/api": whole segments, no "/" at the end')
    return text


class Port(Table):
    name: Annotated[str, AfterValidator(_port_name)] = "http"
    """What routes call it."""
    port: Whole = Field(ge=1, le=65535)
    """Where the app listens, on 0.0.0.0."""
    protocol: Protocol = "http"
    """What is spoken there. tcp: inside the team only."""


class Route(Table):
    host: Annotated[str, AfterValidator(_host)] | None = None
    """A label under the platform's domain, or a whole domain of yours. Default: the app's name."""
    path: Annotated[str, AfterValidator(_path), Field(json_schema_extra={"maxLength": limits.ROUTE_PATH_MAX})] = "/"
    """Whole segments: "/api" is not "/apix"."""
    port: str | None = None
    """A port's name. Default: the first."""
    strip_prefix: Flag = False
    """Whether the app sees the path without the route's."""
