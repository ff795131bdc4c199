"""Tokens for Distribution are as old as its own clock says, also where the server's is wrong."""

import base64
import json
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

import httpx
import pytest

from loco_server.registries import distribution
from loco_server.registries.distribution import Distribution

pytestmark = pytest.mark.anyio


class Clock:
    """A registry whose clock is ahead by so many seconds; None: it does not answer."""

    def __init__(self, ahead: float | None) -> None:
        self.ahead = ahead
        self.asked = 0

    def __call__(self, _: httpx.Request) -> httpx.Response:
        self.asked += 1
        if self.ahead is None:
            raise httpx.ConnectError("refused")
        return httpx.Response(401, headers={"date": formatdate(time.time() + self.ahead, usegmt=True)})


def registry(clock: Clock, folder: Path) -> Distribution:
    found = Distribution(socket=folder / "registry.sock", keys_dir=folder)
    found._client = httpx.AsyncClient(transport=httpx.MockTransport(clock), base_url="http://registry")
    return found


async def claims(found: Distribution) -> Any:
    token = (await found.authorization("acme/shop", ("pull",))).removeprefix("Bearer ").split(".")[1]
    return json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))


@pytest.mark.parametrize("ahead", [3600, -3600, 90])
async def test_tokens_are_of_the_registrys_time_and_it_is_said_once(
    ahead: float, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(ahead)
    found = registry(clock, tmp_path)
    said = await claims(found)
    assert said["iat"] == said["nbf"] == pytest.approx(time.time() + ahead, abs=3)
    assert said["exp"] == said["iat"] + 60
    await claims(found)
    assert clock.asked == 1
    monkeypatch.setattr(distribution, "LOOK_SECONDS", -1)
    await claims(found)
    assert [record.getMessage() for record in caplog.records if "clock" in record.getMessage()] == [
        caplog.records[0].getMessage()
    ]
    clock.ahead = 0  # set right
    assert (await claims(found))["iat"] == pytest.approx(time.time(), abs=3)


@pytest.mark.parametrize("ahead", [0, 10, -10, None])
async def test_a_clock_that_agrees_and_a_registry_that_is_away_leave_the_servers_time(
    ahead: float | None, tmp_path: Path
) -> None:
    assert (await claims(registry(Clock(ahead), tmp_path)))["iat"] == pytest.approx(time.time(), abs=3)
