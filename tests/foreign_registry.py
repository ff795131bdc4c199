"""Somebody else's registry: a real Distribution behind what of Harbor and GitLab cannot run here, their token services.

It sells bearer tokens for an account, lets nobody in without one that is good for what is asked, and answers as those
do: absolute locations, cookies, its own challenges. What it does not know it refuses, and remembers.
"""

import base64
import json
import re
import secrets
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from loco_server.registries.distribution import Distribution

SECRET = "the account's secret"
_PATH = re.compile(r"/v2/(?P<repository>.+?)/(?:manifests/[^/]+|blobs/[^/]+|blobs/uploads/[^/]*|tags/list)")
_SCOPE = re.compile(r"repository:(?P<repository>[^:]+):(?P<actions>[a-z,]+)")
_DROPPED = frozenset({"connection", "transfer-encoding", "server", "date"})
_NEEDED = {"GET": "pull", "HEAD": "pull", "DELETE": "delete"}


class ForeignRegistry:
    """Harbor or GitLab, as far as a registry's client sees them."""

    def __init__(self, kind: str, url: str, *, registry: Distribution, socket: Path) -> None:
        self.kind = kind
        self.url = url
        self.prefix = "platform" if kind == "harbor" else "platform/images"
        self.username = "robot$platform+loco" if kind == "harbor" else "loco"
        self.service = "harbor-registry" if kind == "harbor" else "container_registry"
        self.token_path = "/service/token" if kind == "harbor" else "/jwt/auth"
        self.may = {"pull", "push", "delete"}
        """What the account may."""
        self.sold: list[str] = []
        """Scopes, as they were asked for."""
        self.planted: dict[str, str] = {}
        """Headers that its answers have whatever the real registry said."""
        self.redirects = False
        """Whether it sends whoever wants a blob to its storage."""
        self.unknown: list[str] = []
        """What was asked for that this does not know."""
        self._registry = registry
        self._socket = socket
        self._tokens: dict[str, tuple[str, frozenset[str]]] = {}
        self._client: httpx.AsyncClient | None = None

    def app(self) -> Starlette:
        methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
        return Starlette(
            routes=[
                Route(self.token_path, self._sell, methods=["GET"]),
                Route("/v2/{rest:path}", self._answer, methods=methods),
                Route("/{rest:path}", self._refuse, methods=methods),
            ]
        )

    def forget_tokens(self) -> None:
        """As after a change of keys: none that was sold is good any more."""
        self._tokens.clear()

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()

    async def _sell(self, request: Request) -> Response:
        account = f"Basic {base64.b64encode(f'{self.username}:{SECRET}'.encode()).decode()}"
        if request.headers.get("authorization") != account:
            return JSONResponse({"errors": [{"code": "UNAUTHORIZED"}]}, status_code=401)
        if request.query_params.get("service") != self.service:
            return await self._refuse(request)
        scope = request.query_params.get("scope", "")
        self.sold.append(scope)
        found = _SCOPE.fullmatch(scope)
        repository, asked = ("", "") if found is None else (found["repository"], found["actions"])
        if not repository.startswith(f"{self.prefix}/"):
            asked = ""
        token = self._token(repository, self.may & set(asked.split(",")))
        if self.kind == "gitlab":
            return JSONResponse({"token": token})
        return JSONResponse({"token": token, "access_token": token, "expires_in": 1800})

    def _token(self, repository: str, actions: set[str]) -> str:
        """Give what looks like a JWT, as both sell them."""
        now = int(time.time())
        claims = {"iat": now, "exp": now + 300, "jti": secrets.token_hex(8)}
        parts = (base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=") for each in ({}, claims))
        token = ".".join((*parts, "signature"))
        self._tokens[token] = repository, frozenset(actions)
        return token

    async def _answer(self, request: Request) -> Response:
        path = request.scope["raw_path"].decode("latin-1")
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        sold = self._tokens.get(token) if kind == "Bearer" else None
        if path == "/v2/":
            return Response() if sold is not None else self._challenge("")
        found = _PATH.fullmatch(path)
        if found is None or request.headers.get("host") != self.url.partition("://")[2]:
            return await self._refuse(request)
        needed = _NEEDED.get(request.method, "push")
        repository = found["repository"]
        if sold is None or sold[0] != repository or needed not in sold[1]:
            return self._challenge(f',scope="repository:{repository}:{needed}",error="insufficient_scope"')
        if self.redirects and "/blobs/sha256:" in path:
            return Response(status_code=307, headers={"location": "https://storage.example.com/blob?signature=s"})
        return await self._passed_on(request, repository, path)

    async def _passed_on(self, request: Request, repository: str, path: str) -> Response:
        if self._client is None:
            transport = httpx.AsyncHTTPTransport(uds=str(self._socket))
            self._client = httpx.AsyncClient(transport=transport, timeout=30, base_url="http://registry")
        kept = ("accept", "content-type", "content-length", "content-range")
        headers = {name: request.headers[name] for name in kept if name in request.headers}
        headers["authorization"] = await self._registry.authorization(repository, ("delete", "pull", "push"))
        query = request.scope["query_string"].decode("latin-1")
        content = request.stream() if request.method in {"PATCH", "PUT", "POST"} else None
        asked = self._client.build_request(request.method, f"{path}?{query}", headers=headers, content=content)
        try:
            answer = await self._client.send(asked, stream=True)
        except httpx.TransportError:
            return Response(status_code=502)
        told = {name: value for name, value in answer.headers.items() if name not in _DROPPED}
        if told.get("location", "").startswith("/"):
            told["location"] = self.url + told["location"]
        told |= self.planted
        told["set-cookie"] = "sid=of-a-session; Path=/; HttpOnly"

        async def body() -> AsyncIterator[bytes]:
            try:
                async for piece in answer.aiter_raw():
                    yield piece
            finally:
                await answer.aclose()

        return StreamingResponse(body(), status_code=answer.status_code, headers=told)

    def _challenge(self, rest: str) -> Response:
        realm = f'Bearer realm="{self.url}{self.token_path}",service="{self.service}"{rest}'
        body = {"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}
        return JSONResponse(body, status_code=401, headers={"www-authenticate": realm})

    async def _refuse(self, request: Request) -> Response:
        self.unknown.append(f"{request.method} {request.url}")
        return Response("not known here", status_code=501)
