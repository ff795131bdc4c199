"""What the edge promises to an engine. Values in, and a return only when the change is seen to be in force."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from loco_spec.routes import Protocol as PortProtocol


@dataclass(frozen=True)
class EdgeCluster:
    """The instances of one port of one deployment, as the edge dials them."""

    name: str
    """Unique in the whole edge: `<app id>-v12-http`."""
    protocol: PortProtocol
    """http, h2c or grpc (grpc is h2c to the edge)."""
    endpoints: tuple[tuple[str, int], ...]
    """(address, port)."""


@dataclass(frozen=True)
class EdgeRoute:
    host: str
    path: str
    strip_prefix: bool
    cluster: str
    """Empty where the app has a notice."""


@dataclass(frozen=True)
class EdgeApp:
    """All that the edge knows of one app. Published as a whole; routes name clusters of the same value."""

    app_id: str
    clusters: tuple[EdgeCluster, ...]
    routes: tuple[EdgeRoute, ...]
    notice: str = ""
    """What every route answers, with 503, instead of the app. Empty: the app answers."""


class EdgeRejectedError(Exception):
    """The edge refused the configuration, or did not apply it in time. What was served before is served still."""


class Edge(Protocol):
    async def publish(self, app: EdgeApp) -> None:
        """Replace what the edge serves for the app; return when every worker of the edge is seen to use it.

        Raises:
            EdgeRejectedError: refused or not applied within 10 s; the former state was put back.
        """
        ...

    async def retire(self, app_id: str) -> None:
        """Serve the app no more. Unknown ids are no error."""
        ...

    async def active_requests(self, cluster: str) -> int:
        """How many requests are being answered by the cluster right now; 0 for an unknown one."""
        ...

    async def requests(self) -> Mapping[str, int]:
        """How many requests each app (by id) has had since the edge was started; empty where they are not counted."""
        ...

    async def tidy(self) -> None:
        """Forget what a killed server has left besides what is published, where there is any such thing."""
        ...

    def published(self) -> Mapping[str, EdgeApp]:
        """What is published, by app id. Survives a restart of the server."""
        ...
