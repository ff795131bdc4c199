"""Pulling by digest, from a real registry that asks for a password."""

import asyncio
import base64
import dataclasses
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from loco_server.engines.base import PullCredential
from tests import private_registry as private_registry_
from tests.contract.test_engine import World, web, world
from tests.ports import free_port
from tests.private_registry import private_registry
from tests.waiting import eventually

__all__ = ["web", "world"]  # fixtures

pytestmark = [pytest.mark.engine, pytest.mark.registry, pytest.mark.anyio]

USER, PASSWORD = "pull", "a-pull-ticket"
# As `htpasswd -Bbn` makes it of the two.
HTPASSWD = "pull:$2b$05$ivoVSvRA7T/e9TjP3hFO9enSbq.FXht1C31x42fJ5zuGshK/zpcBm\n"


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """Where Debian's docker-registry listens."""
    port = free_port()
    (tmp_path / "htpasswd").write_text(HTPASSWD)
    (tmp_path / "config.yml").write_text(
        f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {tmp_path}/images}}}}\n"
        f"http: {{addr: 127.0.0.1:{port}}}\n"
        f"auth: {{htpasswd: {{realm: test, path: {tmp_path}/htpasswd}}}}\n"
    )
    process = subprocess.Popen(
        ["docker-registry", "serve", tmp_path / "config.yml"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        eventually(lambda: _answers(port))
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=10)


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/v2/", auth=(USER, PASSWORD)).status_code == 200
    except httpx.TransportError:
        return False


def push(world: World, registry: str) -> str:
    """Push the test image, forget it under that name, and give the name with its digest."""
    repository = f"{registry}/acme/shop-{world.app.app_id}"
    image = world.client.images.get(world.image)
    image.tag(repository, "v1")
    credential = {"username": USER, "password": PASSWORD}
    records: list[dict[str, Any]] = list(
        world.client.api.push(repository, "v1", stream=True, decode=True, auth_config=credential)
    )
    digest = next(record["aux"]["Digest"] for record in records if "aux" in record)
    world.client.images.remove(f"{repository}:v1")
    return f"{repository}@{digest}"


async def test_an_image_is_pulled_by_digest_with_the_apps_own_credential_and_only_once(
    world: World, registry: str, private_home: Path
) -> None:
    image = push(world, registry)
    live = dataclasses.replace(world.rollout(1, image=image), pull=PullCredential(registry, USER, PASSWORD))
    lines = await world.roll(live)
    assert any(line.startswith("image pulled (") for line in lines)
    assert await world.engine.in_use(world.app) == {image.partition("@")[2]}
    # Now the engine has it: another deployment of it needs no registry and no credential.
    again = await world.roll(world.rollout(2, image=image))
    assert not any(line.startswith("image pulled") for line in again)
    assert not (private_home / ".docker").exists()
    world.client.images.remove(image, force=True)


async def test_a_registry_that_is_away_for_a_moment_only_delays_a_pull(world: World) -> None:
    with private_registry(signed_in=True) as private:
        repository = f"acme/shop-{world.app.app_id}"
        pushed = private.push(world.client, world.image, repository, "v1")
        private.stop()
        rollout = world.rollout(1, image=f"{private.host}/{repository}@{pushed}")
        pull = PullCredential(private.host, private_registry_.USER, private_registry_.PASSWORD)
        asked = asyncio.Event()

        async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.close()
            asked.set()

        nobody = await asyncio.start_server(hang_up, *private.host.split(":"))
        rolling = asyncio.create_task(world.roll(dataclasses.replace(rollout, pull=pull)))
        await asked.wait()
        nobody.close()
        await nobody.wait_closed()
        await asyncio.to_thread(private.start)
        lines = list(await rolling)
        assert lines.index("the registry does not answer, or fails; trying again") + 1 == _pulled(lines)
        world.client.images.remove(f"{private.host}/{repository}@{pushed}", force=True)


def _pulled(lines: list[str]) -> int:
    return next(n for n, line in enumerate(lines) if line.startswith("image pulled ("))


async def test_the_registrys_own_words_are_shown(world: World, registry: str) -> None:
    repository = f"{registry}/acme/shop-{world.app.app_id}"
    missing = world.rollout(1, image=f"{repository}@sha256:{'0' * 64}")
    refused = await world.fail(dataclasses.replace(missing, pull=PullCredential(registry, USER, "wrong-password")))
    assert (refused.phase, refused.cause) == ("pulling", "pull-refused")
    answer = refused.evidence[-1].text
    assert "no basic auth credentials" in answer or "unauthorized" in answer
    unknown = await world.fail(dataclasses.replace(missing, pull=PullCredential(registry, USER, PASSWORD)))
    assert "manifest unknown" in unknown.evidence[-1].text
    for shown in (refused, unknown):
        assert PASSWORD not in shown.model_dump_json()
        assert "wrong-password" not in shown.model_dump_json()
        assert base64.b64encode(PASSWORD.encode()).decode() not in shown.model_dump_json()
