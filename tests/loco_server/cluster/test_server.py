"""The process: what it tells the cluster about itself, how it begins, and how it ends."""

import asyncio
import time
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from loco_server import keys
from loco_server.gateway.tickets import Grant, deployment_key
from loco_server.gateway.tokens import RegistryTokens
from loco_server.records import schema
from loco_server.settings import TokenTimes
from loco_spec.kinds.service import Service
from tests.kube.stub import Stub
from tests.loco_server.cluster.conftest import Start
from tests.loco_server.cluster.registry import asked
from tests.loco_server.cluster.serving import DOMAIN, session
from tests.loco_server.records.databases import Records
from tests.waiting import eventually_async

pytestmark = [pytest.mark.anyio, pytest.mark.sample("cluster_servers")]


async def test_it_serves_once_database_and_cluster_answer(start: Start, database: str) -> None:
    server = start()
    await eventually_async(server.is_ready, within=30)
    assert await server.health() == 200
    answer = (await server.client.get("/v1/server")).json()
    assert answer["providers"] == ["github"]
    assert answer["registry"] == f"registry.{DOMAIN}"
    assert answer["edge"] == f"https://{DOMAIN}"
    assert f"serving: https://api.{DOMAIN} (apps: https://*.{DOMAIN})" in server.said
    asked = await server.client.get(f"http://127.0.0.1:{server.authorization}/gateway/authorize/v2/")
    assert asked.status_code == 401
    assert asked.headers["www-authenticate"].startswith(f'Bearer realm="https://registry.{DOMAIN}/registry/token",')
    assert "shown this once" in await server.operator("admin", "invite")
    token = await session(database, "ann")
    me = await server.client.get("/v1/me", headers={"authorization": f"Bearer {token}"})
    assert me.json()["user"] == "ann"


async def test_nobody_signs_in_by_a_file_in_a_cluster(start: Start) -> None:
    server = start()
    await eventually_async(server.is_ready, within=30)
    refused = await server.client.post("/v1/login", json={"provider": "local"})
    assert refused.status_code == 400
    assert "it has: github" in refused.json()["detail"] or "own machine" in refused.json()["detail"]


async def test_an_older_schema_is_waited_for_and_no_restart_is_needed(start: Start, database: str) -> None:
    schema.downgrade(database, "0004")
    server = start()
    wanted = f"the records have the schema 0004, and this loco needs {schema.head()}: loco-server migrate"

    async def told() -> bool:
        return wanted in (await server.reasons() or ())

    await eventually_async(told, within=30)
    assert await server.health() == 200
    away = await server.client.get("/v1/server")
    assert (away.status_code, away.headers["retry-after"]) == (503, "2")
    refused = await server.client.get(f"http://127.0.0.1:{server.authorization}/gateway/authorize/v2/")
    assert refused.status_code == 503
    process = server.process
    assert f"→ {schema.head()}" in await server.operator("migrate")
    await eventually_async(server.is_ready, within=15)
    assert server.process is process
    assert (await server.client.get("/v1/server")).status_code == 200


async def test_it_lives_and_is_not_ready_while_the_cluster_does_not_answer(start: Start, stub: Stub) -> None:
    await stub.down()
    server = start()

    async def starts() -> bool:
        return "serving" in server.said

    await eventually_async(starts, within=30)
    assert await server.reasons() == ["the Kubernetes API has not answered yet"]
    assert await server.health() == 200
    await stub.up()
    await eventually_async(server.is_ready, within=20)


async def test_it_lives_and_is_not_ready_while_the_database_does_not_answer(start: Start, tmp_path: Path) -> None:
    server = start(LOCO_DATABASE_URL=f"postgresql://loco:swordfish@/none?host={tmp_path}")

    async def told() -> bool:
        return "the database does not answer" in (await server.reasons() or ())

    await eventually_async(told, within=30)
    assert await server.health() == 200
    assert "swordfish" not in server.said
    assert await server.ended(within=20) < 20


async def test_requests_that_hold_every_connection_do_not_read_as_a_database_that_does_not_answer(
    start: Start, database: str
) -> None:
    token = await session(database, "ann")
    server = start()
    await eventually_async(server.is_ready, within=30)
    looking = await psycopg.AsyncConnection.connect(database.replace("+psycopg", ""), autocommit=True)
    locking = await psycopg.AsyncConnection.connect(database.replace("+psycopg", ""))
    async with looking, locking:
        await locking.execute("LOCK TABLE tokens IN ACCESS EXCLUSIVE MODE")
        get = partial(server.client.get, "/v1/me", headers={"authorization": f"Bearer {token}"})
        asking = [asyncio.create_task(get()) for _ in range(40)]

        async def found(what: str) -> Any:
            row = await (await looking.execute(f"SELECT {what}".encode())).fetchone()
            return row and row[0]

        waiting = "count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"

        async def full() -> bool:
            return bool(await found(waiting) >= 14)  # of 15: one may be another look's

        await eventually_async(full, within=20)
        since = await found("clock_timestamp()")

        async def looked() -> bool:
            last = await found("max(query_start) FROM pg_stat_activity WHERE query LIKE '%FROM alembic_version%'")
            return last is not None and last - since > timedelta(seconds=4)

        await eventually_async(looked, within=20)
        assert await server.reasons() == []
        await locking.rollback()
        assert {answer.status_code for answer in await asyncio.gather(*asking)} == {200}


async def test_a_push_of_which_the_records_tell_nothing_is_to_come_again_before_the_gateway_gives_up(
    start: Start, database: str
) -> None:
    server = start()
    await eventually_async(server.is_ready, within=30)
    key = keys.signing_key(Path(server.environment["LOCO_KEYS_DIR"]) / keys.GATEWAY_KEY)
    grant = Grant("ann/shop-abcdefghij", ("push",), deployment_key("abcdefghij", 1))
    bearer = RegistryTokens(key, TokenTimes()).make("ticket", grant, ("push",), issued_at=time.time())
    async with await psycopg.AsyncConnection.connect(database.replace("+psycopg", "")) as locking:
        await locking.execute("LOCK TABLE deployments IN ACCESS EXCLUSIVE MODE")
        began = time.monotonic()
        answer = await asked(server, "POST", "/v2/ann/shop-abcdefghij/blobs/uploads/", bearer)
        assert time.monotonic() - began < 4.5
    # Not 503: an Envoy that nobody has told better makes a 403 of it.
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "5")


async def test_sigterm_ends_it_in_time_with_requests_served_and_followers_sent_on(start: Start, database: str) -> None:
    records = Records(database)
    app = await records.app("shop", "ann")
    item = await records.deployments.create(
        app, Service.model_validate({"name": "shop"}), (), action="deploy", created_by="ann"
    )
    await records.database.close()
    token = await session(database, "ann")
    server = start()
    await eventually_async(server.is_ready, within=30)
    headers = {"authorization": f"Bearer {token}", "accept": "text/event-stream"}
    path = f"/v1/teams/{app.team}/apps/shop/deployments/v{item.number}/events"
    async with server.client.stream("GET", path, headers=headers) as followed:
        assert followed.status_code == 200
        heard = followed.aiter_text()
        said = await anext(heard)
        ending = asyncio.create_task(server.ended(within=20))
        await eventually_async(lambda: _reasons(server.client), within=3)
        served = await server.client.get("/v1/me", headers={"authorization": f"Bearer {token}"})
        assert served.json()["user"] == "ann"
        said += "".join([text async for text in heard])
    assert said.endswith(": the server is restarting\n\n")
    assert "event: end" not in said
    assert await ending < 20


async def _reasons(client: httpx.AsyncClient) -> bool:
    return bool((await client.get("/readyz")).json()["reasons"] == ["the server is ending"])
