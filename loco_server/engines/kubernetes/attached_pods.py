"""What is attached to in a pod: a process beside its own, a one-off Job's own, a port; and how each ends."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from loco_server.engines.attached import (
    REMOVED,
    InstanceEndedError,
    NothingListensError,
    Over,
    Piece,
    Start,
    not_started,
)
from loco_server.engines.base import EngineDownError
from loco_server.engines.kubernetes import kinds, names
from loco_server.engines.kubernetes.api import KubernetesApi, Object, RefusedError
from loco_server.engines.kubernetes.channels import PROCESS, Channels, Query, opened

POLL_SECONDS = 0.2
SETTLES_SECONDS = 3.0
END_SECONDS = 10.0
_KILLED = 137
# Its arguments have the mark, its environment has not: it does not find itself.
_END = (
    'for n in HUP KILL; do for p in /proc/[0-9]*; do if tr "\\0" "\\n" 2>/dev/null <"$p/environ" | grep -qx "$1"; '
    'then kill -$n "${p##*/}" 2>/dev/null; fi; done; [ $n = KILL ] || sleep 1; done'
)


class _Into:
    """What goes in is for the pod; what comes out, and how it ends, each kind has to say for itself."""

    _channels: Channels

    async def write(self, data: bytes) -> None:
        await self._channels.write(data)

    async def end_input(self) -> None:
        await self._channels.end_input()

    async def resize(self, columns: int, rows: int) -> None:
        await self._channels.resize(columns, rows)


class Exec(_Into):
    def __init__(self, api: KubernetesApi, pod: Object, instance: str, start: Start, mark: str) -> None:
        self._api = api
        self._pod = pod
        self._instance = instance
        self._start = start
        self._mark: str | None = mark
        self._over: Over | None = None

    async def open(self, command: Sequence[str]) -> None:
        query = [*streams(self._start, stdin=self._start.stdin), *(("command", word) for word in command)]
        self._channels = await open_into(self._api, self._pod, "exec", query, PROCESS)
        if self._start.tty:
            await self._channels.resize(self._start.columns, self._start.rows)

    async def read(self) -> Piece | None:
        piece = await self._channels.read()
        fault = _fault(self._channels)
        if piece is not None or not fault:
            return piece
        if self._mark is not None and '"env"' in fault:  # then without the mark, and it will not be found again
            self._mark = None
            await self._channels.close()
            await self.open(self._start.command)
            return await self.read()
        if self._over is None:
            self._over = not_started(self._start.command[0], fault)
        return await self._over.read()

    async def exit_code(self) -> int | None:
        if self._over is not None:
            return await self._over.exit_code()
        code = self._channels.exit_code()
        if code is None or code == _KILLED:
            await _see_it_running(self._api, self._pod, self._instance)
        if code is None:
            raise EngineDownError("the connection to the cluster was cut")
        return code

    async def end(self) -> None:
        """Where it runs still, nobody is there any more to whom it says anything."""
        await self._channels.close()
        if self._channels.status is not None or self._mark is None:
            return
        with suppress(RefusedError, EngineDownError, InstanceEndedError, TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                query = [("stdout", "true"), *(("command", word) for word in ("sh", "-c", _END, "sh", self._mark))]
                channels = await open_into(self._api, self._pod, "exec", query, PROCESS)
                while await channels.read() is not None:
                    pass
                await channels.close()


class Run(_Into):
    def __init__(self, api: KubernetesApi, pod: Object, channels: Channels, start: Start, *, gated: bool) -> None:
        self._api = api
        self._pod = pod
        self._channels = channels
        self._start = start
        self._gated = gated
        self._echoed = gated and start.tty

    async def begin(self) -> None:
        if self._start.tty:
            await self.resize(self._start.columns, self._start.rows)
        if self._gated:
            await self._channels.write(b"\n")
            if not (self._start.stdin or self._start.tty):  # to close a terminal would end what sits at it
                await self._channels.end_input()

    async def read(self) -> Piece | None:
        piece = await self._channels.read()
        if self._echoed and piece is not None:  # the line that let it begin
            self._echoed = False
            rest = piece[1].removeprefix(b"\r\n")
            return (piece[0], rest) if rest else await self.read()
        return piece

    async def exit_code(self) -> int | None:
        meta = self._pod["metadata"]
        while True:
            found = await self._api.get(kinds.POD, meta["namespace"], meta["name"])
            if found is None or (found["metadata"].get("deletionTimestamp") and "terminated" not in state(found)):
                raise InstanceEndedError(REMOVED)
            ended = state(found).get("terminated")
            if ended is not None:
                return int(ended.get("exitCode", 0))
            await asyncio.sleep(POLL_SECONDS)


class Port(_Into):
    def __init__(self, channels: Channels, instance: str, port: int) -> None:
        self._channels = channels
        self._where = f"{instance} takes no connection at port {port}"

    async def read(self) -> Piece | None:
        piece = await self._channels.read()
        if self._channels.fault:
            refused = "refused" in self._channels.fault
            why = "nothing listens there" if refused else self._channels.fault[:200].strip()
            raise NothingListensError(f"{self._where}: {why}")
        return piece

    async def resize(self, columns: int, rows: int) -> None: ...

    async def exit_code(self) -> int | None:
        return None

    async def close(self) -> None:
        await self._channels.close()


async def open_into(api: KubernetesApi, pod: Object, sub: str, query: Query, protocol: str) -> Channels:
    """As `opened`; what is refused because the pod has ended says so."""
    meta = pod["metadata"]
    try:
        return await opened(api, meta["namespace"], meta["name"], sub, query, protocol)
    except RefusedError as error:
        await _see_it_running(api, pod, names.instance(pod)[0])
        raise EngineDownError(f"the Kubernetes API refused: {error.message[:300]}") from error


async def _see_it_running(api: KubernetesApi, pod: Object, instance: str) -> None:
    """With a container all that runs in it is killed; the API hears of it a moment later.

    Raises:
        InstanceEndedError: it is gone, or another container of its pod runs now.
    """
    meta, was = pod["metadata"], state(pod).get("running")
    for _ in range(round(SETTLES_SECONDS / POLL_SECONDS)):
        found = await api.get(kinds.POD, meta["namespace"], meta["name"])
        gone = found is None or found["metadata"]["uid"] != meta["uid"] or found["metadata"].get("deletionTimestamp")
        if gone or state(found or {}).get("running") != was:
            raise InstanceEndedError(f"{instance} has ended")
        await asyncio.sleep(POLL_SECONDS)


def streams(start: Start, *, stdin: bool) -> list[tuple[str, str]]:
    """With a terminal stdout and stderr are one, and to ask for both is refused."""
    asked = {"stdin": stdin, "stdout": True, "stderr": not start.tty, "tty": start.tty}
    return [("container", names.WORKLOAD), *((name, str(value).lower()) for name, value in asked.items())]


def state(pod: Object) -> Object:
    """Of its container: running, waiting or terminated."""
    found: Object = next(iter((pod.get("status") or {}).get("containerStatuses") or []), {})
    state: Object = found.get("state") or {}
    return state


def _fault(channels: Channels) -> str:
    """Why the process could not be started."""
    if channels.status is None or channels.exit_code() is not None:
        return ""
    return str(channels.status.get("message") or "it cannot be started")
