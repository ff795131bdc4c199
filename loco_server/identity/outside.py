"""One question to a provider, over the internet: an answer in JSON, or why there is none."""

import ssl
from collections.abc import Mapping
from functools import cache
from typing import Any

import httpx

from loco_server.identity.base import Down

SECONDS = 10.0
_LARGEST = 1 << 20


class Outside:
    """`name` is what people call who is asked. Redirects are not followed: nobody is sent elsewhere with a secret."""

    def __init__(self, name: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.name = name
        self._transport = transport

    async def post(self, url: str, form: Mapping[str, str]) -> tuple[int, Any] | Down:
        return await self._ask("POST", url, data=form)

    async def get(self, url: str, *, token: str | None = None) -> tuple[int, Any] | Down:
        return await self._ask("GET", url, headers={} if token is None else {"authorization": f"Bearer {token}"})

    async def _ask(self, method: str, url: str, **more: Any) -> tuple[int, Any] | Down:
        try:
            async with (
                httpx.AsyncClient(transport=self._transport, verify=_trust(), timeout=SECONDS) as client,
                client.stream(method, url, **_json(more)) as answer,
            ):
                content = b""
                async for chunk in answer.aiter_bytes():
                    content += chunk
                    if len(content) > _LARGEST:
                        return Down(f"{self.name} answered with more than {_LARGEST >> 20} MiB")
                if answer.status_code >= 500 or answer.status_code == 429:
                    return Down(f"{self.name} answered {answer.status_code}")
                return answer.status_code, httpx.Response(answer.status_code, content=content).json()
        except httpx.HTTPError as e:
            return Down(f"{self.name} cannot be reached ({type(e).__name__})")
        except ValueError:  # no JSON, no text
            return Down(f"{self.name} answered with what is no JSON")


def _json(more: dict[str, Any]) -> dict[str, Any]:
    return {**more, "headers": {"accept": "application/json", **more.get("headers", {})}}


@cache
def _trust() -> ssl.SSLContext:
    """Reading the certificates takes 20 ms: once."""
    return ssl.create_default_context()
