"""The WebSocket of an endpoint that opens one: authorized as a request, refused as one, and then streams both ways.

Nothing queues up here: what comes from one side is awaited until the other has taken it.
"""

import asyncio
import json
from collections.abc import Coroutine
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from functools import partial
from typing import Any

from pydantic import ValidationError
from starlette.requests import Request
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from loco_server.engines.attached import Attached
from loco_server.http.auth import authorize, awake
from loco_server.http.call import Call, Services, read_message
from loco_server.http.endpoint import Endpoint, Opened
from loco_server.http.events import change_of
from loco_server.http.problems import defect, problem
from loco_server.http.rates import network
from loco_spec.attaching import ALIVE_SECONDS, SILENCE_SECONDS, Channel, End, Window, packed, unpacked
from loco_spec.errors import InstanceGone, InvalidRequest, LocoError

BEGIN_SECONDS = 10.0
_CHANNELS = {"stdout": Channel.STDOUT, "stderr": Channel.STDERR}


class GoneError(Exception):
    """Nobody is there any more, and nothing need be said."""


def socket_route(endpoint: Endpoint, services: Services) -> WebSocketRoute:
    async def answer(socket: WebSocket) -> None:
        request = Request({**socket.scope, "type": "http", "method": endpoint.method})
        try:
            services.rates.knock(network(request), signs_in=False)
            again = partial(authorize, endpoint, request, services, begun=True)
            call = replace(await authorize(endpoint, request, services), again=again)
        except LocoError as e:
            await socket.send_denial_response(problem(e))
            return
        except Exception as e:  # noqa: BLE001  as for any request
            await socket.send_denial_response(defect(request, e))
            return
        await socket.accept()
        end = await _attended(endpoint, call, socket)
        if end is not None:
            with suppress(WebSocketDisconnect, RuntimeError):  # RuntimeError: what Starlette says of one that is closed
                await socket.send_bytes(packed(Channel.END, end.model_dump_json().encode()))
                await socket.close()

    return WebSocketRoute(endpoint.path, answer, name=f"{endpoint.method} {endpoint.path}, opened")


async def _attended(endpoint: Endpoint, call: Call, socket: WebSocket) -> End | None:
    """Go through all of it; None: nobody is left to hear how it ended."""
    try:
        async with AsyncExitStack() as held:
            body = await _first(endpoint, socket)
            held.enter_context(call.services.attach.place(call.who.user.id))
            call = replace(await awake(endpoint, call), body=body, held=held)
            opened = await endpoint.handler(call)
            assert isinstance(opened, Opened)  # noqa: S101  what such an endpoint's handler gives
            change = change_of(endpoint, call)
            change.detail.update(opened.detail)
            if not opened.often or call.services.attach.fresh(
                change.token_id, change.address, change.app, opened.detail
            ):
                await call.services.audit.leave(change)
            return await _talk(socket, opened, call)
    except (GoneError, WebSocketDisconnect):
        return None
    except LocoError as e:
        return End(problem=e.to_problem())
    except Exception as e:  # noqa: BLE001  the one catch
        return End(problem=json.loads(bytes(defect(call.request, e).body)))


async def _first(endpoint: Endpoint, socket: WebSocket) -> Any:
    assert endpoint.request is not None  # noqa: S101  the table says what it begins with
    try:
        async with asyncio.timeout(BEGIN_SECONDS):
            message = await socket.receive()
    except TimeoutError as e:
        raise GoneError from e
    if message["type"] != "websocket.receive":
        raise GoneError
    return read_message(message.get("text") or "", endpoint.request)


async def _talk(socket: WebSocket, opened: Opened, call: Call) -> End:
    """Pass on what comes from both sides until one of them ends, or may not go on."""
    there: asyncio.Future[Attached] = asyncio.get_running_loop().create_future()
    over = asyncio.Event()
    parts: list[Coroutine[Any, Any, Any]] = [
        _down(socket, opened, there, over),
        _up(socket, there, over),
        _beat(socket, call),
    ]
    tasks = [asyncio.create_task(each) for each in parts]
    try:
        async with asyncio.timeout(opened.seconds):
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        # How it ended says more than that whoever had asked has gone since.
        first = next(task for task in tasks if task in done)
        end: End = await first
    except TimeoutError as e:
        raise InstanceGone(
            f"it ran for its time, {opened.seconds} s, and was ended", hint="loco run --timeout 4h"
        ) from e
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return end


async def _down(socket: WebSocket, opened: Opened, there: "asyncio.Future[Attached]", over: asyncio.Event) -> End:
    async with opened.attached as attached:
        there.set_result(attached)
        while (piece := await attached.read()) is not None:
            await socket.send_bytes(packed(_CHANNELS[piece[0]], piece[1]))
        code = await attached.exit_code()
        if code is None:  # a connection, of which this was one direction
            await socket.send_bytes(packed(Channel.STDOUT))
            await over.wait()
        return End(exit_code=code)


async def _up(socket: WebSocket, there: "asyncio.Future[Attached]", over: asyncio.Event) -> None:
    attached = await asyncio.shield(there)
    while True:
        try:
            async with asyncio.timeout(SILENCE_SECONDS):
                message = await socket.receive()
        except TimeoutError as e:
            raise GoneError from e
        if message["type"] != "websocket.receive":
            raise GoneError
        channel, data = unpacked(message.get("bytes") or b"")
        if channel == Channel.WINDOW:
            window = _window(data)
            await attached.resize(window.columns, window.rows)
        elif channel == Channel.STDIN and not over.is_set():
            if data:
                await attached.write(data)
            else:
                over.set()
                await attached.end_input()


async def _beat(socket: WebSocket, call: Call) -> None:
    """Show that somebody is there, and ask whether whoever began this may go on with it."""
    while True:
        await asyncio.sleep(ALIVE_SECONDS)
        await call.again()
        await socket.send_bytes(packed(Channel.ALIVE))


def _window(data: bytes) -> Window:
    try:
        return Window.model_validate_json(data)
    except ValidationError as e:
        raise InvalidRequest("the size of a window was expected") from e
