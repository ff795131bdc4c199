"""`exec`, `run`, `forward`: what their first messages ask for. The rest of each is `sockets.py`'s."""

from typing import Any

from loco_server.engines.attached import Start
from loco_server.http.call import Call
from loco_server.http.endpoint import Opened
from loco_spec.attaching import Entrance, ExecStart, ForwardStart, RunStart

_WORD_MOST = 40
_SIGNS = " =:@?&"
"""Behind the first of these a word may go on with anything."""


async def exec_(call: Call) -> Opened:
    """Run a command in an instance, beside its own process."""
    start: ExecStart = call.body
    flow, app = call.services.attach, call.of_app
    instance = await flow.instance(app, start.instance)
    return Opened(_told(start, instance=instance), flow.exec(app, instance, _started(start)))


async def run(call: Call) -> Opened:
    """Run a command in a container of its own, made as those of the live deployment."""
    start: RunStart = call.body
    flow, app = call.services.attach, call.of_app
    live = await flow.live(app)
    rollout = await flow.rollout(live)
    await call.held.enter_async_context(flow.room(app, live.spec))
    detail = _told(start, deployment=f"v{live.number}")
    return Opened(detail, flow.run(rollout, _started(start)), seconds=start.seconds)


async def forward(call: Call) -> Opened:
    """Connect to a port of an instance; half-closed as TCP is."""
    start: ForwardStart = call.body
    flow, app = call.services.attach, call.of_app
    instance = await flow.instance(app, start.instance)
    detail = {"instance": instance, "port": start.port}
    return Opened(detail, flow.connect(app, instance, start.port), often=True)


async def entrance(call: Call) -> Entrance:
    """Tell where a forward would lead."""
    flow, app = call.services.attach, call.of_app
    return Entrance(instance=await flow.instance(app, call.query.instance), ports=await flow.ports(app))


def word(command: tuple[str, ...]) -> str:
    """Give the program's name alone: arguments may be secrets, and so may what is written into one word with it."""
    name = command[0].rpartition("/")[2] or command[0]
    cut = min((at for sign in _SIGNS if (at := name.find(sign)) >= 0), default=len(name))
    return name[: min(cut, _WORD_MOST)]


def _told(start: ExecStart | RunStart, **known: Any) -> dict[str, Any]:
    return {**known, "command": word(start.command)}


def _started(start: ExecStart | RunStart) -> Start:
    size = {} if start.window is None else {"columns": start.window.columns, "rows": start.window.rows}
    return Start(start.command, tty=start.tty, stdin=start.stdin, **size)
