"""Into an instance: a process beside its own, a connection to its port; and a container of its own beside them."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from loco_server.engines.attached import (
    MARK,
    REMOVED,
    Attached,
    InstanceEndedError,
    NothingListensError,
    Over,
    Piece,
    Start,
    not_running,
    not_started,
    to_the_end,
)
from loco_server.engines.base import AppRef, EngineDownError, Rollout, RolloutFailedError, unguarded
from loco_server.engines.docker import ending, images, names, render
from loco_server.engines.docker.client import Docker, RefusedError
from loco_server.engines.docker.instances import state
from loco_server.engines.docker.listing import Listing
from loco_server.engines.docker.names import Found
from loco_server.engines.docker.networks import Networks
from loco_server.engines.docker.streams import Streams, handed_over
from loco_spec import names as spec_names

log = logging.getLogger("loco.engine")

POLL_SECONDS = 0.05
SETTLES_SECONDS = 0.5
"""For so long an end is waited for that the engine has not noted yet."""
_KILLED = 137
_NOT_STARTED = b"OCI runtime exec failed: "
"""The engine puts into stdout what it would have to tell itself; and 126, whatever it is."""
DIAL_SECONDS = 5.0
PULL_SECONDS = 300.0


class Attacher:
    def __init__(self, docker: Docker, networks: Networks, listing: Listing, *, installation: str) -> None:
        self._docker = docker
        self._networks = networks
        self._listing = listing
        self._installation = installation
        self._own: set[str] = set()
        """Names of containers, and ids of processes beside instances, that this server attends to."""
        self._looked = False

    @asynccontextmanager
    async def exec(self, app: AppRef, instance: str, start: Start) -> AsyncIterator[Attached]:
        """As `Engine.exec` promises."""
        found = await self._running(app, instance)
        try:
            made = await self._docker.call(
                "exec_create",
                found.id,
                list(start.command),
                stdin=start.stdin,
                tty=start.tty,
                environment=[f"{MARK}={self._installation}"],
            )
        except RefusedError as error:
            raise InstanceEndedError(f"{instance} has ended") from error
        number, streams = str(made["Id"]), None
        self._own.add(number)
        try:
            how = {"Detach": False, "Tty": start.tty}
            streams = await handed_over(self._docker.url, f"/exec/{number}/start", how, framed=not start.tty)
            attached = _Exec(self._docker, streams, found, number, start)
            if start.tty:
                await attached.resize(start.columns, start.rows)
            yield attached
        finally:
            if streams is not None:
                streams.close()
            await to_the_end(self._end(found, number))
            self._own.discard(number)

    @asynccontextmanager
    async def run(self, rollout: Rollout, start: Start) -> AsyncIterator[Attached]:
        """As `Engine.run` promises."""
        name = f"loco-{rollout.app.app_id}-run-{spec_names.new_id()}"
        self._own.add(name)
        streams: Streams | None = None
        try:
            await images.ensure(self._docker, rollout, emit=_nobody, guard=unguarded, within=PULL_SECONDS)
            async with self._networks.address(rollout.app) as address:
                await self._docker.create(name, render.one_off(self._installation, rollout, address, start))
            query = "stream=1&stdout=1&stderr=1" + ("&stdin=1" if start.stdin else "")
            streams = await handed_over(self._docker.url, f"/containers/{name}/attach?{query}", framed=not start.tty)
            attached: Attached = _Run(self._docker, streams, name)
            try:
                await self._networks.ensure(rollout.app)  # the fence
                await self._docker.call("start", name)
                if start.tty:
                    await attached.resize(start.columns, start.rows)
            except RefusedError as error:
                attached = not_started(start.command[0], error.message)
            yield attached
        except RolloutFailedError as error:
            raise EngineDownError(error.diagnosis.message) from error
        finally:
            if streams is not None:
                streams.close()
            await to_the_end(self._remove(name))

    @asynccontextmanager
    async def connect(self, app: AppRef, instance: str, port: int) -> AsyncIterator[Attached]:
        """As `Engine.connect` promises: the instance's own address is dialled."""
        found = await self._running(app, instance)
        try:
            async with asyncio.timeout(DIAL_SECONDS):
                reader, writer = await asyncio.open_connection(found.address, port)
        except (OSError, TimeoutError) as error:
            why = "nothing listens there" if isinstance(error, ConnectionRefusedError) else "it does not answer"
            raise NothingListensError(f"{instance} takes no connection at port {port}: {why}") from error
        try:
            yield _Connection(reader, writer, framed=False)
            writer.close()  # what was written goes out first
        finally:
            if not writer.is_closing():
                writer.transport.abort()

    async def tidy(self) -> None:
        """Remove what a server left that was killed: its containers, and, once, the processes beside instances."""
        own = set(self._own)
        for name in await self._runs():
            if name not in own | self._own:
                log.info("removing %s: nobody is attached to it any more", name)
                await self._docker.remove(name)
        if not self._looked:
            for found in await self._listing.now():
                if found.running:
                    await self._end_left(found)
            self._looked = True

    async def remove(self, app_id: str | None = None) -> None:
        """Remove the containers of an app, or all, whoever is attached to them."""
        await asyncio.gather(*(self._docker.remove(name) for name in await self._runs(app_id)))

    async def _runs(self, app_id: str | None = None) -> list[str]:
        marks = {names.INSTALLATION: self._installation, names.ROLE: "run"}
        marks |= {} if app_id is None else {names.APP_ID: app_id}
        return [str(listed["Names"][0]).removeprefix("/") for listed in await self._docker.containers(marks)]

    async def _running(self, app: AppRef, instance: str) -> Found:
        found = next((each for each in await self._listing.now(app.app_id) if each.name == instance), None)
        if found is None or not found.running:
            raise not_running(instance, there=found is not None)
        return found

    async def _end(self, found: Found, number: str) -> None:
        """Where it runs still, nobody is there any more to whom it says anything."""
        with suppress(RefusedError, EngineDownError):
            record = await self._docker.call("exec_inspect", number)
            if record.get("Running") and record.get("Pid"):
                await asyncio.to_thread(ending.end, int(record["Pid"]), found.id)

    async def _end_left(self, found: Found) -> None:
        record = await self._docker.inspect(found.id)
        for number in {*((record or {}).get("ExecIDs") or ())} - self._own:
            with suppress(RefusedError):
                pid = int((await self._docker.call("exec_inspect", number)).get("Pid") or 0)
                if pid and ending.marked(pid, f"{MARK}={self._installation}"):
                    log.info("ending process %d of %s: nobody is attached to it any more", pid, found.name)
                    await asyncio.to_thread(ending.end, pid, found.id)

    async def _remove(self, name: str) -> None:
        try:
            await self._docker.remove(name)
        except (RefusedError, EngineDownError) as error:
            log.warning("%s is not removed yet: %s", name, error)
        self._own.discard(name)  # what is there still is nobody's: `tidy` removes it


class _Connection(Streams):
    async def resize(self, columns: int, rows: int) -> None: ...

    async def exit_code(self) -> int | None:
        return None


class _Process:
    def __init__(self, docker: Docker, streams: Streams) -> None:
        self._docker = docker
        self._streams = streams

    async def read(self) -> Piece | None:
        return await self._streams.read()

    async def write(self, data: bytes) -> None:
        await self._streams.write(data)

    async def end_input(self) -> None:
        await self._streams.end_input()


class _Exec(_Process):
    def __init__(self, docker: Docker, streams: Streams, instance: Found, number: str, start: Start) -> None:
        super().__init__(docker, streams)
        self._instance = instance
        self._number = number
        self._program = start.command[0]
        self._over: Over | None = None
        self._begun = False

    async def read(self) -> Piece | None:
        piece = await super().read()
        if not self._begun and piece is not None and piece[1].startswith(_NOT_STARTED):
            self._over = not_started(self._program, piece[1].decode(errors="replace").strip())
            piece = await self._over.read()
        self._begun = True
        return piece

    async def resize(self, columns: int, rows: int) -> None:
        with suppress(RefusedError):  # it has ended
            await self._docker.call("exec_resize", self._number, height=rows, width=columns)

    async def exit_code(self) -> int | None:
        if self._over is not None:
            return await self._over.exit_code()
        running, code = True, None
        while running:
            try:
                record = await self._docker.call("exec_inspect", self._number)
            except RefusedError as error:
                raise InstanceEndedError(f"{self._instance.name} is gone") from error
            running, code = bool(record.get("Running")), record.get("ExitCode")
            await asyncio.sleep(POLL_SECONDS if running else 0)
        if code is None or code == _KILLED:
            await self._see_it_running()
        return _KILLED if code is None else int(code)

    async def _see_it_running(self) -> None:
        """With an instance all that runs in it is killed; the engine notes a moment later that it has ended."""
        for _ in range(round(SETTLES_SECONDS / POLL_SECONDS)):
            record = await self._docker.inspect(self._instance.id)
            if record is None or not state(record).running:
                raise InstanceEndedError(f"{self._instance.name} has ended")
            await asyncio.sleep(POLL_SECONDS)


class _Run(_Process):
    def __init__(self, docker: Docker, streams: Streams, container: str) -> None:
        super().__init__(docker, streams)
        self._container = container

    async def resize(self, columns: int, rows: int) -> None:
        with suppress(RefusedError):
            await self._docker.call("resize", self._container, height=rows, width=columns)

    async def exit_code(self) -> int | None:
        while (record := await self._docker.inspect(self._container)) is not None:
            ended = state(record).ended
            if ended is not None:
                return ended.exit_code
            await asyncio.sleep(POLL_SECONDS)
        raise InstanceEndedError(REMOVED)


async def _nobody(_line: str) -> None: ...
