"""What every edge promises, asked of the real one."""

import asyncio
import os
import signal
import socket
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import httpx
import pytest

from loco_server.edge.base import EdgeApp, EdgeCluster, EdgeRejectedError, EdgeRoute
from loco_server.edge.files import EnvoyEdge
from tests.loco_server.edge.real import RealEdge, Upstream, app, upstream
from tests.waiting import eventually_async

pytestmark = [pytest.mark.edge, pytest.mark.anyio]


@pytest.fixture
async def edge(tmp_path: Path) -> AsyncIterator[RealEdge]:
    found = RealEdge(tmp_path)
    await found.process.start()
    yield found
    await found.close()


@pytest.fixture
def one() -> Iterator[Upstream]:
    with upstream("one") as found:
        yield found


@pytest.fixture
def two() -> Iterator[Upstream]:
    with upstream("two") as found:
        yield found


async def test_a_published_app_answers_at_once_with_and_without_a_port_in_the_host(
    edge: RealEdge, one: Upstream
) -> None:
    await edge.files.publish(app("a", "shop.localhost", one.port))
    for host in ("shop.localhost", "shop.localhost:7080", "SHOP.localhost"):
        status, body = edge.get(host, "/x?y=1")
        assert (status, body.splitlines()[0]) == (200, "one /x?y=1")


async def test_a_host_that_nobody_has_is_404_and_says_so(edge: RealEdge, one: Upstream) -> None:
    await edge.files.publish(app("a", "shop.localhost", one.port))
    assert edge.get("evil.localhost") == (404, "no app answers at this host\n")
    assert edge.get("shop.localhost.evil.example")[0] == 404


async def test_a_path_prefix_matches_whole_segments_and_two_apps_share_a_host(
    edge: RealEdge, one: Upstream, two: Upstream
) -> None:
    await edge.files.publish(app("ui", "shop.localhost", one.port))
    await edge.files.publish(app("api", "shop.localhost", two.port, path="/api"))
    first = {path: edge.get("shop.localhost", path)[1].splitlines()[0] for path in ("/", "/api", "/api/x", "/apix")}
    assert first == {"/": "one /", "/api": "two /api", "/api/x": "two /api/x", "/apix": "one /apix"}
    assert edge.get("shop.localhost", "/x/../api?q=1")[1].splitlines()[0] == "two /api?q=1"
    await edge.files.retire("api")
    assert edge.get("shop.localhost", "/api")[1].splitlines()[0] == "one /api"


async def test_a_stripped_prefix_leaves_a_path_that_starts_with_one_slash(edge: RealEdge, one: Upstream) -> None:
    await edge.files.publish(app("a", "shop.localhost", one.port, path="/a.p+i", strip=True))
    first = {
        path: edge.get("shop.localhost", path)[1].splitlines()[0] for path in ("/a.p+i", "/a.p+i/", "/a.p+i/x?q=/a.p+i")
    }
    assert first == {"/a.p+i": "one /", "/a.p+i/": "one /", "/a.p+i/x?q=/a.p+i": "one /x?q=/a.p+i"}
    assert edge.get("shop.localhost", "/axp+i")[0] == 404


async def test_an_encoded_slash_reaches_the_app_as_it_was_sent(edge: RealEdge, one: Upstream) -> None:
    await edge.files.publish(app("a", "shop.localhost", one.port))
    assert edge.get("shop.localhost", "/a%2fb")[1].splitlines()[0] == "one /a%2fb"


async def test_forwarded_headers_are_the_edges_own(edge: RealEdge, one: Upstream) -> None:
    await edge.files.publish(app("a", "shop.localhost", one.port))
    forged = {
        "X-Forwarded-For": "6.6.6.6",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Port": "666",
        "X-Forwarded-Prefix": "/evil",
        "Forwarded": "for=6.6.6.6",
        "X-Real-IP": "6.6.6.6",
        "X-Envoy-Internal": "true",
        "X-Envoy-Original-Path": "/evil",
    }
    _, body = edge.get("shop.localhost", headers=forged)
    headers = dict(line.lower().split(": ", 1) for line in body.splitlines()[1:] if line)
    assert "6.6.6.6" not in body
    assert "evil" not in body
    assert headers["x-forwarded-proto"] == "http"
    assert headers["x-forwarded-host"] == "shop.localhost"
    assert headers["x-forwarded-port"] == str(edge.settings.ports.edge)
    assert "x-envoy-internal" not in headers


async def test_an_app_with_a_notice_answers_nothing_but_that_and_is_itself_again_without_it(
    edge: RealEdge, one: Upstream
) -> None:
    serving = app("a", "shop.localhost", one.port)
    await edge.files.publish(serving)
    notice = EdgeApp("a", (), (EdgeRoute("shop.localhost", "/", False, ""),), notice="this app is suspended\n")
    await edge.files.publish(notice)
    for path in ("/", "/any/where?x=1"):
        async with httpx.AsyncClient() as client:
            answer = await client.get(
                f"http://127.0.0.1:{edge.settings.ports.edge}{path}", headers={"host": "shop.localhost"}
            )
        assert (answer.status_code, answer.text) == (503, "this app is suspended\n")
        assert answer.headers["content-type"] == "text/plain"
    again = EnvoyEdge(edge.files.watched.parent, admin_socket=edge.settings.envoy_socket)
    assert again.published() == {"a": notice}
    await again.publish(serving)
    assert edge.get("shop.localhost")[0] == 200
    await again.close()


async def test_no_instance_is_503(edge: RealEdge) -> None:
    await edge.files.publish(app("a", "shop.localhost"))
    assert edge.get("shop.localhost") == (503, "the app has no instance that answers\n")


async def test_an_instance_that_does_not_listen_is_passed_over(edge: RealEdge, one: Upstream) -> None:
    with upstream("gone") as gone:
        dead = gone.port
    await edge.files.publish(app("a", "shop.localhost", dead, one.port))
    assert {edge.get("shop.localhost")[0] for _ in range(20)} == {200}


async def test_a_swap_loses_no_request(edge: RealEdge, one: Upstream, two: Upstream) -> None:
    await edge.files.publish(app("a", "shop.localhost", one.port))
    seen: list[tuple[int, str]] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            status, body = edge.get("shop.localhost")
            seen.append((status, body.split(maxsplit=1)[0]))

    asking = [asyncio.create_task(asyncio.to_thread(ask)) for _ in range(3)]
    for version in range(2, 14):
        old, new = (one, two) if version % 2 == 0 else (two, one)
        wanted = app("a", "shop.localhost", new.port, version=version)
        if version % 3:  # an engine keeps the old instances known until they are drained; the edge bears both ways
            before = app("a", "", old.port, version=version - 1)
            await edge.files.publish(replace(wanted, clusters=(*wanted.clusters, *before.clusters)))
        await edge.files.publish(wanted)
        assert edge.get("shop.localhost")[1].split(maxsplit=1)[0] == new.name
    stop.set()
    await asyncio.gather(*asking)
    assert {status for status, _ in seen} == {200}
    assert {name for _, name in seen} == {"one", "two"}


async def test_requests_in_flight_are_counted_and_outlive_the_swap(
    edge: RealEdge, one: Upstream, two: Upstream
) -> None:
    await edge.files.publish(app("a", "shop.localhost", one.port))
    asked = asyncio.create_task(asyncio.to_thread(edge.get, "shop.localhost", "/held"))
    await asyncio.to_thread(one.held.wait, 10)
    assert await edge.files.active_requests("a-v1-http") == 1
    assert await edge.files.active_requests("never") == 0
    await edge.files.publish(app("a", "shop.localhost", two.port, version=2))
    one.hold.set()
    status, body = await asked
    assert (status, body.splitlines()[0]) == (200, "one /held")
    assert await edge.files.active_requests("a-v1-http") == 0


async def test_what_envoy_refuses_is_an_error_and_the_former_state_serves(edge: RealEdge, one: Upstream) -> None:
    good = app("a", "shop.localhost", one.port)
    await edge.files.publish(good)
    bad = EdgeApp("b", (EdgeCluster("b-v1-http", "http", (("not an address", 80),)),), ())
    with pytest.raises(EdgeRejectedError, match="refused"):
        await edge.files.publish(bad)
    taken = EdgeApp("c", good.clusters, (EdgeRoute("*", "/", False, "a-v1-http"),))
    with pytest.raises(EdgeRejectedError, match="refused"):
        await edge.files.publish(taken)
    assert edge.files.published() == {"a": good}
    assert edge.get("shop.localhost")[0] == 200
    await edge.files.publish(app("d", "later.localhost", one.port))
    assert edge.get("later.localhost")[0] == 200


async def test_many_at_once_are_all_in_force_and_one_bad_one_fails_alone(edge: RealEdge, one: Upstream) -> None:
    many = [edge.files.publish(app(f"a{n}", f"a{n}.localhost", one.port)) for n in range(40)]
    bad = edge.files.publish(EdgeApp("bad", (EdgeCluster("bad-v1-http", "http", (("nowhere", 80),)),), ()))
    results = await asyncio.gather(*many[:20], bad, *many[20:], return_exceptions=True)
    assert [type(result) for result in results if result is not None] == [EdgeRejectedError]
    assert {edge.get(f"a{n}.localhost")[0] for n in range(40)} == {200}


async def test_another_server_finds_what_is_published_and_goes_on(edge: RealEdge, one: Upstream, two: Upstream) -> None:
    await edge.files.publish(app("a", "shop.localhost", one.port))
    again = EnvoyEdge(edge.files.watched.parent, admin_socket=edge.settings.envoy_socket)
    assert again.published() == {"a": app("a", "shop.localhost", one.port)}
    await again.publish(app("a", "shop.localhost", two.port, version=2))
    assert edge.get("shop.localhost")[1].split(maxsplit=1)[0] == "two"
    await again.close()


async def test_what_a_killed_server_has_left_goes_once_it_answers_nothing(edge: RealEdge, one: Upstream) -> None:
    """Between the new clusters and the routes to them, or after: the state knows one of both."""
    former = app("a", "shop.localhost", one.port)
    await edge.files.publish(former)
    edge.files._apps = {"a": app("a", "shop.localhost", one.port, version=2)}
    edge.files._save_state()
    clusters = edge.files.watched / "clusters.json"
    asked = asyncio.create_task(asyncio.to_thread(edge.get, "shop.localhost", "/held"))
    await asyncio.to_thread(one.held.wait, 10)
    again = EnvoyEdge(edge.files.watched.parent, admin_socket=edge.settings.envoy_socket)
    await again.tidy()
    assert "a-v1-http" in clusters.read_text()
    one.hold.set()
    assert (await asked)[0] == 200
    await eventually_async(lambda: _tidied(again, clusters))
    assert edge.get("shop.localhost")[0] == 200
    await again.close()


async def _tidied(edge: EnvoyEdge, clusters: Path) -> bool:
    await edge.tidy()
    return "a-v1-http" not in clusters.read_text()


async def test_a_killed_envoy_comes_back_and_serves_what_is_true(edge: RealEdge, one: Upstream, two: Upstream) -> None:
    await edge.files.publish(app("a", "shop.localhost", one.port))
    watch = asyncio.create_task(edge.process.watch())
    assert edge.process.pid is not None
    os.kill(edge.process.pid, signal.SIGKILL)
    await edge.files.publish(app("b", "other.localhost", two.port))
    assert edge.get("other.localhost")[0] == edge.get("shop.localhost")[0] == 200
    await eventually_async(lambda: asyncio.sleep(0, bool(edge.said)))
    assert "envoy was killed by SIGKILL; it was started again" in edge.said[0]
    watch.cancel()


async def test_an_envoy_that_stays_away_is_an_error(edge: RealEdge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loco_server.edge.files.APPLY_SECONDS", 0.3)
    await edge.process.stop()
    with pytest.raises(EdgeRejectedError, match="does not answer"):
        await edge.files.publish(app("a", "shop.localhost", 1))
    assert edge.files.published() == {}
    assert await edge.files.active_requests("a-v1-http") == 0


async def test_http2_without_tls_is_taken(edge: RealEdge, one: Upstream) -> None:
    await edge.files.publish(app("a", "shop.localhost", one.port))
    url = f"http://127.0.0.1:{edge.settings.ports.edge}/"
    argv = ["curl", "-s", "--http2-prior-knowledge", "-H", "Host: shop.localhost", "-w", "%{http_version}", url]
    answer = await asyncio.to_thread(subprocess.run, argv, capture_output=True, text=True, check=True)
    assert answer.stdout.endswith("2")
    assert answer.stdout.startswith("one /")


async def test_a_websocket_passes_and_counts_as_a_request_while_it_is_open(edge: RealEdge) -> None:
    with socket.create_server(("127.0.0.1", 0)) as upstream_socket:
        await edge.files.publish(app("a", "shop.localhost", upstream_socket.getsockname()[1]))
        with socket.create_connection(("127.0.0.1", edge.settings.ports.edge), timeout=10) as client:
            client.sendall(
                b"GET /ws HTTP/1.1\r\nHost: shop.localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            server, _ = await asyncio.to_thread(upstream_socket.accept)
            with server:
                assert b"upgrade: websocket" in (await asyncio.to_thread(server.recv, 4096)).lower()
                server.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
                assert b" 101 " in await asyncio.to_thread(client.recv, 4096)
                client.sendall(b"to the app")
                assert await asyncio.to_thread(server.recv, 100) == b"to the app"
                server.sendall(b"from the app")
                assert await asyncio.to_thread(client.recv, 100) == b"from the app"
                assert await edge.files.active_requests("a-v1-http") == 1
        await eventually_async(lambda: _is_idle(edge, "a-v1-http"))


@pytest.mark.parametrize("protocol", ["h2c", "grpc"])
async def test_an_h2c_port_is_spoken_to_in_http2(edge: RealEdge, protocol: Literal["h2c", "grpc"]) -> None:
    # The registry gateway of the same Envoy takes both versions, and counts them.
    cluster = EdgeCluster("a-v1-main", protocol, (("127.0.0.1", edge.settings.ports.registry),))
    await edge.files.publish(EdgeApp("a", (cluster,), (EdgeRoute("shop.localhost", "/", False, "a-v1-main"),)))
    assert edge.get("shop.localhost", "/nothing")[0] == 404
    counted = await edge.files._stats(r"^http\.registry\.downstream_cx_http2_total$")
    assert counted == {"http.registry.downstream_cx_http2_total": 1}


async def _is_idle(edge: RealEdge, cluster: str) -> bool:
    return await edge.files.active_requests(cluster) == 0


async def test_requests_are_counted_for_each_app_and_again_from_the_edges_own_start(
    edge: RealEdge, one: Upstream, two: Upstream
) -> None:
    assert await edge.files.requests() == {}
    await edge.files.publish(app("a.b", "shop.localhost", one.port))
    await edge.files.publish(app("c", "blog.localhost", two.port))
    for _ in range(3):
        edge.get("shop.localhost")
    edge.get("nobody.localhost")
    assert await edge.files.requests() == {"a.b": 3, "c": 0}
    await edge.process.restart()
    assert await edge.files.requests() == {"a.b": 0, "c": 0}
    await edge.process.stop()
    assert await edge.files.requests() == {}, "nothing is known, which is not the same as no request"
