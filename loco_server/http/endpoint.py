"""One row of the endpoint table."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pydantic import BaseModel
from starlette.responses import Response

from loco_server.http.call import Call
from loco_server.policy.permissions import Permission

Handler = Callable[[Call], Awaitable[BaseModel | Response]]


@dataclass(frozen=True)
class Endpoint:
    method: str
    path: str
    permission: Permission
    handler: Handler
    request: type[BaseModel] | None = None
    response: type[BaseModel] | None = None
    """None: a stream, or nothing."""
    status: int = 200
    action: str = ""
    """What the event is called that a change leaves: `app.destroy`."""
    makes_app: bool = False
    """The app in the path need not be there yet."""

    @property
    def changes(self) -> bool:
        """Whether it changes anything; what only looks is a GET."""
        return self.method != "GET"
