"""The API as an ASGI application for a client that asks for anything.

Signed in by a word, put right again after each harm, and with streams that end.
"""

import asyncio
import json
from pathlib import Path

from sqlalchemy import delete
from starlette.types import Message, Receive, Scope, Send

from loco_server.records.tables import TEAMS, TOKENS
from loco_server.records.tables_access import INVITATIONS, TRUST_RULES
from loco_server.settings import Limits, Settings
from loco_spec import names
from loco_spec.kinds.service import Service
from loco_spec.quota import Quota
from tests.loco_server.http.api import Api
from tests.loco_server.records.databases import Records, route

SIGNED_IN = "Bearer somebody-who-is-signed-in"
"""Stands for the token of a member of the team `ann`, whose app `shop` has a live and a waiting deployment."""
PUSHED = "sha256:" + "a" * 64
"""An image that the registry has of the app."""
WAITING = 999_999_999
"""Stands for the number of the app's deployment that waits for its image."""
STREAM_SECONDS = 0.1
"""A client hears a stream for so long and goes away."""


class World:
    def __init__(self, url: str, folder: Path) -> None:
        self.records = Records(url)
        quota = Quota(*[2**60] * 7)  # what is refused is so for its form, and not for how much it is
        self.api = Api(self.records, Settings(data_dir=folder, limits=Limits(team=quota)))
        self._authorization = b""
        self._harmed = True
        self._waiting = 0

    async def close(self) -> None:
        await self.records.database.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise NotImplementedError(scope["type"])
        if self._harmed:
            self._waiting, self._harmed = await self._put_right(), False
        waiting = self._waiting
        path = scope["path"].replace(f"/{WAITING}", f"/{waiting}")
        scope = {
            **scope,
            "path": path,
            "raw_path": path.encode(),
            "asgi": {"version": "3.0", "spec_version": "2.0"},  # the application watches for the client's going
            "headers": [
                (name, self._authorization if (name, value) == (b"authorization", SIGNED_IN.encode()) else value)
                for name, value in scope["headers"]
            ],
        }
        stream = _Stream(
            _named(receive) if path.endswith(("/apps/shop/deployments", "/apps/shop/plan")) else receive, send
        )
        await self.api.app(scope, stream.receive, stream.send)
        await stream.end()
        self._harmed = scope["method"] != "GET" and stream.status < 400

    async def _put_right(self) -> int:
        """Make again what the requests before have taken away: the session, the app and its deployments.

        Gives the number of the one that waits for its image.
        """
        people, apps, deployments = self.records.people, self.records.apps, self.records.deployments
        user = await people.signed_in("local", "ann", "ann")
        token = await people.token(self._authorization.decode().split("_")[2]) if self._authorization else None
        if token is None or token.revoked_at is not None:
            self._authorization = f"Bearer {(await self.api.login.session(user)).token}".encode()
        async with self.records.database.write() as db:  # what piles up until a limit says no
            await db.execute(delete(TEAMS).where(TEAMS.c.personal_of.is_(None)))
            await db.execute(delete(TOKENS).where(TOKENS.c.kind == "access"))
            await db.execute(delete(INVITATIONS))
            await db.execute(delete(TRUST_RULES))
        [(team, _, _)] = await people.teams(user.id)
        app = await apps.find(team.id, "shop")
        if app is None:
            app = await self.records.app("shop")
        if await deployments.live(app.id) is None:
            await self.records.accepted(app)
            for item in await self.records.claims.claim("worker"):
                await deployments.move(item.app_id, item.number, "rolling", of=("accepted",), message="rolling")
                await self.records.claims.promote(item, message="live")
        newest = (await deployments.of_app(app.id, limit=1))[0]
        if newest.state != "created":
            routes = [route("shop.localhost")]
            newest = await deployments.create(app, Service(name="shop"), routes, action="deploy", created_by="ann")
            self.api.registry.push(names.repository(app.team, app.name, app.id), PUSHED)
        return newest.number


def _named(receive: Receive) -> Receive:
    """Give a spec the name of the app that it is sent to, where it has the name of another: no schema tells that."""

    async def named() -> Message:
        message = await receive()
        try:
            body = json.loads(message.get("body", b""))
            if names.is_slug(body["spec"]["name"]):
                body["spec"]["name"] = "shop"
            if body["spec"].get("team") is not None and names.is_slug(body["spec"]["team"]):
                body["spec"]["team"] = "ann"
        except (ValueError, TypeError, LookupError, AttributeError):
            return message
        return {**message, "body": json.dumps(body).encode()}

    return named


class _Stream:
    """Watches whether the answer is an event stream, and ends it as a client that goes away does."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self.status = 0
        self._streams = False
        self._ended = False

    async def receive(self) -> Message:
        if self._streams:
            await asyncio.sleep(STREAM_SECONDS)
            return {"type": "http.disconnect"}
        return await self._receive()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = int(message["status"])
            headers = dict(message["headers"])
            self._streams = headers.get(b"content-type", b"").startswith(b"text/event-stream")
        else:
            self._ended = not message.get("more_body", False)
        await self._send(message)

    async def end(self) -> None:
        if self._streams and not self._ended:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
