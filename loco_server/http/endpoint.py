"""One row of the endpoint table."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from starlette.responses import Response

from loco_server.engines.attached import Attached
from loco_server.http.call import Call
from loco_server.policy.permissions import Permission
from loco_spec.errors import LocoError


@dataclass(frozen=True)
class Opened:
    """What the handler of an endpoint that opens a WebSocket gives."""

    detail: Mapping[str, Any]
    """For its event."""
    attached: AbstractAsyncContextManager[Attached]
    seconds: int | None = None
    """After which it is ended."""
    often: bool = False
    """One follows another; of many that are the same there is one event now and then."""


Handler = Callable[[Call], Awaitable[BaseModel | Response | Opened]]


@dataclass(frozen=True)
class Endpoint:
    method: str
    path: str
    permission: Permission
    handler: Handler
    request: type[BaseModel] | None = None
    response: type[BaseModel] | None = None
    """None: `media`, or nothing (204)."""
    status: int = 200
    action: str = ""
    """What the event is called that a change leaves: `app.destroy`. What changes anything has one."""
    makes_app: bool = False
    """The app in the path need not be there yet."""
    looks: bool = False
    """It only looks, although it is no GET: what it is asked about does not fit into a query."""
    query: type[BaseModel] | None = None
    """What may stand behind the `?`."""
    takes: str = ""
    """The media type of a request that is no JSON."""
    media: tuple[str, ...] = ()
    """The media types of answers that have no model."""
    opens: bool = False
    """A WebSocket; `request` is its first message. As for a request, its handler is called when that has come."""
    errors: tuple[type[LocoError], ...] = ()
    """What it refuses with, beside what every endpoint of its shape does (`openapi.py`)."""

    @property
    def changes(self) -> bool:
        """Whether it changes anything."""
        return self.opens or (self.method != "GET" and not self.looks)
