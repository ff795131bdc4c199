"""One request on its way to a handler: who asks, for which team and app, with which body."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from loco_server.engines.base import Engine
from loco_server.flows.account import ManageAccount
from loco_server.flows.attach import Attach
from loco_server.flows.build_logs import BuildLogs
from loco_server.flows.deploy import Deploy
from loco_server.flows.destroy import Destroy
from loco_server.flows.login import Caller, Login
from loco_server.flows.logs import Logs
from loco_server.flows.plans import Plans
from loco_server.flows.rollback import Rollback
from loco_server.flows.scale import Scaling
from loco_server.flows.status import Status
from loco_server.flows.teams import ManageTeams
from loco_server.flows.tokens import ManageTokens
from loco_server.flows.trust import Trust
from loco_server.flows.variables import VariablesFlow
from loco_server.http.rates import Rates
from loco_server.http.repeats import Repeats
from loco_server.http.shared import Shared
from loco_server.records.apps import Apps
from loco_server.records.audit import Audit
from loco_server.records.people import People
from loco_server.records.uses import Uses
from loco_server.records.values import AppRecord, TeamRecord
from loco_server.settings import Settings
from loco_spec.errors import FieldFault, InvalidRequest, UsageError
from loco_spec.faults import dotted, place, worded

BODY_LIMIT = 1 << 20


@dataclass(frozen=True)
class Services:
    """What the endpoints stand on."""

    settings: Settings
    login: Login
    people: People
    apps: Apps
    deploy: Deploy
    plans: Plans
    rollback: Rollback
    scaling: Scaling
    destroy: Destroy
    status: Status
    build_logs: BuildLogs
    logs: Logs
    attach: Attach
    variables: VariablesFlow
    engine: Engine
    trust: Trust
    teams: ManageTeams
    tokens: ManageTokens
    account: ManageAccount
    audit: Audit
    uses: Uses
    rates: Rates
    again: Shared = field(default_factory=Shared)
    """What streams that go on ask about themselves."""
    repeats: Repeats = field(default_factory=Repeats)


async def not_again() -> None:
    """Stands for a check that nobody has given."""
    raise NotImplementedError


@dataclass(frozen=True)
class Call:
    request: Request
    services: Services
    caller: Caller | None = None
    team: TeamRecord | None = None
    role: str = ""
    """The caller's in the team."""
    app: AppRecord | None = None
    body: Any = None
    query: Any = None
    again: Callable[[], Awaitable[object]] = not_again
    """Authorizes the request once more, and raises what it is refused with by now: for answers that go on."""
    held: AsyncExitStack = field(default_factory=AsyncExitStack)
    """Of what opens a WebSocket: until it is closed."""

    @property
    def who(self) -> Caller:
        assert self.caller is not None  # noqa: S101  the table lets nobody in without one
        return self.caller

    @property
    def of_team(self) -> TeamRecord:
        assert self.team is not None  # noqa: S101  the path has a team
        return self.team

    @property
    def of_app(self) -> AppRecord:
        assert self.app is not None  # noqa: S101  the path has an app, and it was found
        return self.app

    @property
    def number(self) -> int:
        """The deployment's number in the path; 0, which no deployment has, for what is not a number."""
        text = str(self.request.path_params["number"]).removeprefix("v")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0

    def resumed(self, *, digits: int) -> int | None:
        """The number of the last event that a client has of the stream that it resumes; None: it begins."""
        text = self.request.headers.get("last-event-id", "")
        return int(text) if text.isascii() and text.isdigit() and len(text) <= digits else None


def address(request: Request) -> str:
    """From where it comes; empty: nobody knows."""
    return "" if request.client is None else request.client.host


async def read_body(request: Request, model: type[BaseModel]) -> BaseModel:
    """Read and validate the request's body.

    Raises:
        UsageError: too large, not JSON, or not of the model's shape; an unknown field is a fault.
    """
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > BODY_LIMIT:
            raise UsageError(f"the request is larger than {BODY_LIMIT >> 20} MiB")
    with _told():
        return model.model_validate_json(bytes(raw) or b"{}")


def read_message(text: str, model: type[BaseModel]) -> BaseModel:
    """Validate the first message of a WebSocket.

    Raises:
        InvalidRequest: as for a body.
    """
    with _told():
        return model.model_validate_json(text)


def read_query(request: Request, model: type[BaseModel]) -> BaseModel:
    """Read and validate what stands behind the `?`.

    Raises:
        InvalidRequest: as for a body.
    """
    with _told():
        return model.model_validate_strings(dict(request.query_params))


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except ValidationError as e:
        faults = [_fault(item) for item in _without_wrong_keys(e.errors(include_url=False))]
        raise InvalidRequest("the request does not have the shape that this server knows", fields=faults) from e


def _without_wrong_keys(items: Sequence[Any]) -> list[dict[str, Any]]:
    """Place faults of an entry with a wrong key at its mapping: the key may be a value that lost its name."""
    wrong = {item["loc"][:-1] for item in items if item["loc"][-1:] == ("[key]",) and item["loc"][0] != "spec"}
    found = []
    for item in items:
        loc = item["loc"]
        inside = next((len(key) for key in wrong if loc[: len(key)] == key), None)
        found.append(dict(item) if inside is None else {**item, "loc": loc[: inside - 1]})
    return found


def _fault(item: Any) -> FieldFault:
    """Word a fault; one in a spec as `loco validate` would."""
    loc = item["loc"]
    if loc[:1] != ("spec",) or len(loc) == 1:
        return FieldFault(path=dotted(loc), message=item["msg"])
    inner = place(loc[1:])
    return FieldFault(path=dotted(("spec", *inner)), message=worded(item, inner))
