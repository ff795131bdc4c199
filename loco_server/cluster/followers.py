"""Answers that never end by themselves: at the end of the server they are ended, and their clients go on elsewhere."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

GOODBYE = b": the server is restarting\n\n"
"""A comment: no event of theirs is over, and the client resumes."""


class Followers:
    """Wraps the API; `end` ends every stream of events that is being followed, and those that still begin."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._ended = asyncio.Event()

    def end(self) -> None:
        self._ended.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        follows = asyncio.Event()
        over = False

        async def sending(message: Message) -> None:
            nonlocal over
            if message["type"] == "http.response.start" and _is_stream(message):
                follows.set()
            over = message["type"] == "http.response.body" and not message.get("more_body", False)
            await send(message)

        answering = asyncio.ensure_future(self._app(scope, receive, sending))
        ending = asyncio.create_task(self._ends(follows))
        try:
            await asyncio.wait({answering, ending}, return_when=asyncio.FIRST_COMPLETED)
            if not answering.done():
                answering.cancel()
                await asyncio.wait({answering})
                if not over:
                    await send({"type": "http.response.body", "body": GOODBYE, "more_body": False})
                return
        finally:
            ending.cancel()
            if not answering.done():
                answering.cancel()
            await asyncio.wait({answering, ending})
        answering.result()

    async def _ends(self, follows: asyncio.Event) -> None:
        await follows.wait()
        await self._ended.wait()


def _is_stream(message: Message) -> bool:
    return any(name.lower() == b"content-type" and b"text/event-stream" in value for name, value in message["headers"])
