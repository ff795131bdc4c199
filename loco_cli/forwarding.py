"""A port of this machine that leads elsewhere: a WebSocket for each connection that is accepted."""

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import suppress

from pydantic import BaseModel

from loco_cli.attached import attend
from loco_cli.client.attaching import opened
from loco_cli.client.http import Http
from loco_spec.attaching import PIECE_BYTES
from loco_spec.errors import Conflict, LocoError


def listening(port: int) -> socket.socket:
    """Listen on 127.0.0.1; 0: any port.

    Raises:
        Conflict: that port cannot be had.
    """
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as e:
        why = os.strerror(e.errno or 0)
        raise Conflict(f"port {port} of this machine cannot be listened on: {why}", hint="loco forward 0:PORT") from e


def lead(http: Http, here: socket.socket, path: str, start: BaseModel, say: Callable[[str], None]) -> None:
    """Lead each connection there until Ctrl-C. Why one was refused is said once; the next may get through."""
    with suppress(KeyboardInterrupt):
        asyncio.run(_lead(http, here, path, start, say))


async def _lead(http: Http, here: socket.socket, path: str, start: BaseModel, say: Callable[[str], None]) -> None:
    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def sink(data: bytes) -> None:
            if data:
                writer.write(data)
                await writer.drain()
            else:
                writer.write_eof()

        try:
            async with opened(http, path, start) as wire:
                await attend(wire, lambda: reader.read(PIECE_BYTES), sink)
            writer.close()  # what was written goes out first
        except LocoError as e:
            say(f"{e.message}; {e.hint}" if e.hint else e.message)
        except OSError:  # whoever had connected has gone
            pass
        finally:
            if not writer.is_closing():
                writer.transport.abort()

    tasks = set[asyncio.Task[None]]()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(one(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, sock=here)
    async with server:
        await server.serve_forever()
