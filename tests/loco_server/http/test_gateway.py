"""What is answered to Envoy where nothing can be decided now: in time, in a word that it passes on."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from loco_server import keys
from loco_server.gateway.decision import Challenge
from loco_server.gateway.tickets import Grant, deployment_key
from loco_server.gateway.tokens import RegistryTokens
from loco_server.http import gateway
from loco_server.http.gateway import BUSY, BUSY_UNCONFIGURED, Busy, gateway_route
from loco_server.registries.base import RegistryDownError
from loco_server.settings import TokenTimes
from tests.loco_server.fakes import FakeRegistry

pytestmark = pytest.mark.anyio

See = Callable[[str], Awaitable[None]]


async def down(_: str) -> None:
    raise RegistryDownError("the records do not tell")


async def silent(_: str) -> None:
    await asyncio.Event().wait()


async def asked(folder: Path, see: See, busy: Busy) -> httpx.Response:
    tokens = RegistryTokens(keys.signing_key(folder / "key"), TokenTimes())
    route = gateway_route(
        tokens=tokens,
        registry=FakeRegistry(),
        is_closed=lambda _: False,
        read_only=lambda: False,
        challenge=Challenge(realm="https://api.example.com/token", service="loco"),
        see=see,
        busy=busy,
    )
    grant = Grant(repository="ann/shop-abcdefghij", actions=(), deployment_key=deployment_key("abcdefghij", 1))
    token = tokens.make("ticket", grant, (), issued_at=tokens.clock())
    transport = httpx.ASGITransport(Starlette(routes=[route]))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        return await client.get("/gateway/authorize/v2/", headers={"authorization": f"Bearer {token}"})


@pytest.mark.parametrize(
    ("busy", "status", "code"), [(BUSY, 503, "UNAVAILABLE"), (BUSY_UNCONFIGURED, 429, "TOOMANYREQUESTS")]
)
@pytest.mark.parametrize("see", [down, silent])
async def test_a_client_is_told_to_come_again_before_envoy_says_something_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, see: See, busy: Busy, status: int, code: str
) -> None:
    monkeypatch.setattr(gateway, "ANSWER_SECONDS", 0.05)
    async with asyncio.timeout(3):
        answer = await asked(tmp_path, see, busy)
    assert (answer.status_code, answer.headers["retry-after"]) == (status, "5")
    [error] = answer.json()["errors"]
    assert error["code"] == code
