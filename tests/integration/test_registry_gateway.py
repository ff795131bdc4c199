"""A running gateway against whoever wants more than a token is good for, and for those who want what it is good for."""

import contextlib
import json
import os
import signal
import socket
import time
from collections.abc import Iterator

import docker
import httpx
import pytest

from loco_server.settings import TokenTimes
from tests import images
from tests.engine import SOCKET
from tests.gateway_stack import GatewayStack, gateway_stack
from tests.registry_client import Image, Pusher, digest, layer
from tests.throttle import throttle
from tests.waiting import eventually

pytestmark = [pytest.mark.registry, pytest.mark.edge]

OWN = "acme/shop-abcdefghij"
OTHER = "rival/shop-bcdefghijk"
IMAGE = Image([layer({"etc/passwd": b"app:x:10001:10001::/:\n"}), layer({"app": b"x" * 1000})])
LAYER = digest(IMAGE.layers[0])


@pytest.fixture(scope="module")
def stack() -> Iterator[GatewayStack]:
    with gateway_stack() as found:
        for repository in (OWN, OTHER):
            pusher = Pusher(found.settings.registry_host, repository, found.ticket(repository, "push"))
            pusher.image(IMAGE)
            pusher.close()
        yield found


def manifest_of(repository: str) -> str:
    return f"/v2/{repository}/manifests/{digest(IMAGE.manifest)}"


@pytest.mark.parametrize(
    ("method", "target", "status", "code"),
    [
        ("GET", f"/v2/{OWN}/blobs/{LAYER}", 404, "BLOB_UNKNOWN"),
        ("GET", f"/v2/{OWN}/manifests/v1", 404, "MANIFEST_UNKNOWN"),
        ("GET", manifest_of(OWN), 404, "MANIFEST_UNKNOWN"),
        ("GET", f"/v2/{OTHER}/blobs/{LAYER}", 404, "NAME_UNKNOWN"),
        ("HEAD", f"/v2/{OTHER}/blobs/{LAYER}", 404, None),
        ("HEAD", manifest_of(OTHER), 404, None),
        ("POST", f"/v2/{OTHER}/blobs/uploads/", 403, "DENIED"),
        ("PUT", f"/v2/{OTHER}/manifests/v1", 403, "DENIED"),
        ("POST", f"/v2/{OWN}/evil/blobs/uploads/", 403, "DENIED"),
        ("PUT", f"/v2/{OWN}/evil/manifests/v1", 403, "DENIED"),
        ("POST", f"/v2/{OWN}/../../{OTHER}/blobs/uploads/", 403, "DENIED"),
        ("HEAD", f"/v2/{OWN}/../../{OTHER}/blobs/{LAYER}", 404, None),
        ("HEAD", f"/v2/{OWN}/%2e%2e/%2e%2e/{OTHER}/blobs/{LAYER}", 404, None),
        ("POST", f"/v2/{OWN}/%2E%2e/%2e%2E/{OTHER}/blobs/uploads/", 403, "DENIED"),
        ("HEAD", f"/v2/{OWN}%2f..%2f..%2f{OTHER.replace('/', '%2f')}/blobs/{LAYER}", 400, None),
        ("POST", f"/v2/{OWN.replace('/', '%2F')}/blobs/uploads/", 400, None),
        ("POST", f"/v2/{OWN}%5c..%5cevil/blobs/uploads/", 400, None),
        ("POST", f"/v2/{OWN}/blobs/uploads/?mount={LAYER}&from={OTHER}", 401, "UNAUTHORIZED"),
        ("POST", f"/v2/{OWN}/blobs/uploads/?from={OTHER}&mount={LAYER}", 401, "UNAUTHORIZED"),
        ("POST", f"/v2/{OWN}/blobs/uploads/?%6dount={LAYER}&fro%6d={OTHER}", 400, "UNSUPPORTED"),
        ("POST", f"/v2/{OWN}/blobs/uploads/?digest=x;mount={LAYER}&from={OTHER}", 401, "UNAUTHORIZED"),
        ("GET", "/v2/_catalog", 404, "NAME_UNKNOWN"),
        ("GET", f"/v2/{OWN}/tags/list", 404, "NAME_UNKNOWN"),
        ("GET", f"/v2/{OWN}/referrers/{LAYER}", 404, "MANIFEST_UNKNOWN"),
        ("DELETE", manifest_of(OWN), 405, "UNSUPPORTED"),
        ("DELETE", f"/v2/{OWN}/blobs/{LAYER}", 405, "UNSUPPORTED"),
        ("GET", "/", 404, None),
        ("GET", "/debug/vars", 404, None),
        ("GET", "/gateway/authorize/v2/", 404, None),
        ("PURGE", f"/v2/{OWN}/manifests/v1", 405, "UNSUPPORTED"),
    ],
)
def test_a_push_token_is_refused(stack: GatewayStack, method: str, target: str, status: int, code: str | None) -> None:
    answered, headers, body = stack.ask(method, target, stack.token(OWN, "push"))
    assert answered == status
    if code is not None:
        assert json.loads(body)["errors"][0]["code"] == code
        assert headers["content-type"] == "application/json"
    assert b"authorization" not in body.lower()
    assert "authorization" not in headers


def test_raw_dots_and_doubled_slashes_on_the_wire_never_reach_another_repository(stack: GatewayStack) -> None:
    token = stack.token(OWN, "push")
    for target in (
        f"//v2//{OTHER}//blobs/{LAYER}",
        f"/v2/{OWN}/..;/../{OTHER}/blobs/{LAYER}",
        f"/v2/{OTHER}/blobs/{LAYER}?/v2/{OWN}/blobs/{LAYER}",
        f"/v2/{OTHER}/blobs/{LAYER}#/v2/{OWN}/blobs/{LAYER}",
        f"http://registry/v2/{OTHER}/blobs/{LAYER}",
        f"/v2/{OWN}/blobs/{LAYER}\t/../../{OTHER}",
    ):
        with socket.create_connection(("127.0.0.1", stack.settings.ports.registry), timeout=10) as wire:
            request = f"HEAD {target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
            wire.sendall(request.encode())
            status = int(wire.makefile("rb").readline().split()[1])
        assert status in {400, 404}, target


def test_no_other_method_or_second_token_opens_anything(stack: GatewayStack) -> None:
    push, pull = stack.token(OWN, "push"), stack.token(OWN, "pull")
    path = f"/v2/{OWN}/blobs/{LAYER}"
    for request in (
        f"CONNECT {OWN}:80 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {push}",
        f"TRACE {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {push}",
        f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {push}\r\nX-HTTP-Method-Override: HEAD",
        f"HEAD {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {push}\r\nX-HTTP-Method-Override: GET\r\nX: y",
        (
            f"PUT /v2/{OWN}/manifests/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {pull}\r\n"
            f"Authorization: Bearer {push}\r\nContent-Length: 0"
        ),
        f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nAuthorization: Bearer {push}",
    ):
        with socket.create_connection(("127.0.0.1", stack.settings.ports.registry), timeout=10) as wire:
            wire.sendall(f"{request}\r\nConnection: close\r\n\r\n".encode())
            answer = wire.makefile("rb").read()
        status = int(answer.split()[1])
        assert status in {400, 401, 403, 404, 405} or (request.startswith("HEAD") and status == 200), request
        assert IMAGE.layers[0] not in answer


def test_what_a_push_token_may_do(stack: GatewayStack) -> None:
    token = stack.token(OWN, "push")
    assert stack.ask("GET", "/v2/", token)[0] == 200
    assert stack.ask("HEAD", f"/v2/{OWN}/blobs/{LAYER}", token)[0] == 200
    assert stack.ask("HEAD", f"/v2/{OWN}/manifests/v1", token)[0] == 200
    status, headers, _ = stack.ask("POST", f"/v2/{OWN}/blobs/uploads/", token)
    assert status == 202
    assert "authorization" not in headers  # the upstream's own credential stays inside
    upload = headers["location"]
    assert upload.startswith(f"/v2/{OWN}/blobs/uploads/")
    assert stack.ask("GET", upload, token)[0] == 204
    assert stack.ask("DELETE", upload, token)[0] == 204
    assert stack.ask("GET", upload, token)[0] == 404


def test_a_pull_token_reads_its_own_repository_and_writes_nothing(stack: GatewayStack) -> None:
    token = stack.token(OWN, "pull")
    assert stack.ask("GET", f"/v2/{OWN}/blobs/{LAYER}", token)[2] == IMAGE.layers[0]
    assert json.loads(stack.ask("GET", f"/v2/{OWN}/tags/list", token)[2])["tags"] == ["v1"]
    assert stack.ask("GET", f"/v2/{OTHER}/blobs/{LAYER}", token)[0] == 404
    status, headers, _ = stack.ask("POST", f"/v2/{OWN}/blobs/uploads/", token)
    assert status == 401
    assert 'error="insufficient_scope"' in headers["www-authenticate"]


def test_no_token_and_a_forged_one_are_told_where_to_buy_one(stack: GatewayStack) -> None:
    for token in (None, "x.y.z", stack.token(OWN, "push")[:-4] + "AAAA"):
        status, headers, body = stack.ask("POST", f"/v2/{OWN}/blobs/uploads/", token)
        assert status == 401
        assert headers["www-authenticate"] == (
            f'Bearer realm="{stack.settings.api_url}/registry/token",service="loco-registry",'
            f'scope="repository:{OWN}:pull,push"'
        )
        assert json.loads(body)["errors"][0]["code"] == "UNAUTHORIZED"


def test_the_upstreams_own_credential_does_not_open_the_gateway(stack: GatewayStack) -> None:
    upstream = stack.run(stack.distribution.upstream_authorization(OWN, ("pull", "push")))
    assert stack.ask("GET", f"/v2/{OWN}/blobs/{LAYER}", upstream.removeprefix("Bearer "))[0] == 401


def test_an_expired_token_is_refused_to_the_second(stack: GatewayStack) -> None:
    honoured = stack.settings.tokens.honoured
    assert stack.ask("GET", "/v2/", stack.token(OWN, "push", age=honoured - 30))[0] == 200
    assert stack.ask("GET", "/v2/", stack.token(OWN, "push", age=honoured))[0] == 401


def test_a_token_minted_before_its_deployment_was_closed_is_refused_at_once(stack: GatewayStack) -> None:
    token = stack.token(OWN, "push", username="zzzzzzzzzz-v9")
    assert stack.ask("POST", f"/v2/{OWN}/blobs/uploads/", token)[0] == 202
    stack.closed.close("zzzzzzzzzz-v9")
    status, headers, _ = stack.ask("POST", f"/v2/{OWN}/blobs/uploads/", token)
    assert (status, 'error="invalid_token"' in headers["www-authenticate"]) == (401, True)


def test_the_token_endpoint_gives_what_is_both_asked_and_granted(stack: GatewayStack) -> None:
    ticket = stack.ticket(OWN, "push")
    url = stack.settings.api_url + "/registry/token"

    def actions(*scopes: str) -> tuple[str, ...]:
        answer = httpx.get(url, params={"service": "x", "scope": list(scopes)}, auth=ticket)
        assert (answer.status_code, answer.json()["expires_in"]) == (200, 240)
        assert "refresh_token" not in answer.json()
        assert "issued_at" not in answer.json()  # a client's clock may be minutes off
        claims = stack.tokens.read(answer.json()["token"])
        assert claims is not None
        assert claims.repository == OWN
        return claims.actions

    assert actions(f"repository:{OWN}:pull,push") == ("push",)
    assert actions(f"repository:{OTHER}:pull repository:{OWN}:push") == ("push",)
    assert actions(f"repository:{OTHER}:pull,push", "registry:catalog:*") == ()
    assert actions() == ()
    assert httpx.get(url, auth=(ticket[0], "wrong")).json()["errors"][0]["code"] == "UNAUTHORIZED"
    assert httpx.get(url).status_code == 401
    assert httpx.post(url, data={"grant_type": "password"}).status_code == 405


def test_when_the_server_is_away_nobody_gets_in() -> None:
    with gateway_stack() as alone:
        token = alone.token(OWN, "push")
        assert alone.ask("GET", "/v2/", token)[0] == 200
        alone.stop_server()
        status, headers, body = alone.ask("GET", "/v2/", token)
        assert (status, headers["retry-after"]) == (503, "5")
        assert json.loads(body)["errors"][0]["code"] == "UNAVAILABLE"


def test_while_garbage_is_collected_reads_go_on_and_pushes_are_told_to_come_back() -> None:
    with gateway_stack() as alone:
        pusher = Pusher(alone.settings.registry_host, OWN, alone.ticket(OWN, "push"))
        waste = Image([layer({"waste": os.urandom(3_000_000)})])
        wasted, kept = pusher.image(waste, "v1"), pusher.image(IMAGE, "v2")
        pusher.close()
        alone.registry._collecting = True  # as during a collection, which is over too soon to be looked at
        push, pull = alone.token(OWN, "push"), alone.token(OWN, "pull")
        status, headers, body = alone.ask("POST", f"/v2/{OWN}/blobs/uploads/", push)
        assert (status, headers["retry-after"]) == (503, "5")
        assert json.loads(body)["errors"][0]["code"] == "UNAVAILABLE"
        assert alone.ask("GET", f"/v2/{OWN}/manifests/v2", pull)[0] == 200
        alone.run(alone.distribution.delete(OWN, wasted))
        assert alone.run(alone.registry.garbage_collect()) >= 3_000_000
        assert not alone.registry.read_only
        assert alone.run(alone.distribution.manifests(OWN)) == {kept}
        assert alone.run(alone.distribution.image(OWN, kept)).digest == kept
        assert alone.ask("GET", f"/v2/{OWN}/blobs/{digest(waste.layers[0])}", pull)[0] == 404
        assert alone.ask("POST", f"/v2/{OWN}/blobs/uploads/", push)[0] == 202


def test_a_killed_registry_is_back_at_once_and_a_read_meanwhile_only_waits() -> None:
    with gateway_stack() as alone:
        pusher = Pusher(alone.settings.registry_host, OWN, alone.ticket(OWN, "push"))
        pusher.image(IMAGE)
        pusher.close()
        watch = alone.start(alone.registry.process.watch())
        assert alone.registry.process.pid is not None
        os.kill(alone.registry.process.pid, signal.SIGKILL)
        started = time.monotonic()
        assert alone.ask("GET", f"/v2/{OWN}/manifests/v1", alone.token(OWN, "pull"))[0] == 200
        assert time.monotonic() - started < 2
        eventually(lambda: alone.said)
        assert "registry was killed by SIGKILL; it was started again" in alone.said[0]
        watch.cancel()


def test_tokens_of_two_seconds_are_renewed_in_the_middle_of_a_push() -> None:
    with gateway_stack(TokenTimes(advertised=1, honoured=2)) as hasty:
        content = os.urandom(400_000)
        pusher = Pusher(hasty.settings.registry_host, OWN, hasty.ticket(OWN, "push"))
        pusher.blob(content, pieces=4, between=lambda: time.sleep(0.8))
        pushed = pusher.image(Image([content]))
        assert len(pusher.tokens) >= 3
        assert hasty.run(hasty.distribution.image(OWN, pushed)).digest == pushed
        stubborn = Pusher(hasty.settings.registry_host, OWN, hasty.ticket(OWN, "push"), renew=False)
        with pytest.raises(AssertionError, match="authentication required"):
            stubborn.blob(os.urandom(1000), pieces=4, between=lambda: time.sleep(0.8))
        for client in (pusher, stubborn):
            client.close()


@pytest.mark.engine
def test_a_real_docker_push_lands_and_a_real_pull_gets_it_back(
    stack: GatewayStack, docker_client: docker.DockerClient
) -> None:
    repository = "acme/real-cdefghijkl"
    image = images.build(docker_client, "FROM loco-test/base:1\nRUN echo hi > /www/hi\nUSER 10001\n")
    name = f"{stack.settings.registry_host}/{repository}"
    pushed = push(docker_client, image, name, stack.ticket(repository, "push"))
    facts = stack.run(stack.distribution.image(repository, pushed))
    assert (facts.platform, facts.user, len(facts.layers)) == ("linux/amd64", "10001", 2)
    username, password = stack.ticket(repository, "pull", username="pull-cdefghijkl")
    docker_client.images.remove(f"{name}:v1")
    docker_client.api.pull(name, tag=pushed, auth_config={"username": username, "password": password})
    assert docker_client.images.get(f"{name}@{pushed}").id == image
    docker_client.images.remove(f"{name}@{pushed}")


@pytest.mark.engine
def test_a_real_docker_push_is_stopped_by_a_ticket_of_another_repository(
    stack: GatewayStack, docker_client: docker.DockerClient
) -> None:
    image = images.build(docker_client, "FROM loco-test/base:1\n")
    name = f"{stack.settings.registry_host}/{OTHER}"
    started = time.monotonic()
    with pytest.raises(AssertionError, match="denied: this token is good for another repository"):
        push(docker_client, image, name, stack.ticket(OWN, "push"))
    assert time.monotonic() - started < 10  # a refusal is not a fault: Docker does not try again
    docker_client.images.remove(f"{name}:v1")


@pytest.mark.engine
@pytest.mark.long
def test_a_docker_push_held_up_for_150_seconds_renews_its_token_and_lands(docker_client: docker.DockerClient) -> None:
    repository = "acme/slow-defghijklm"
    count, size = 20, 1_000_000
    dockerfile = "FROM loco-test/base:1\n" + "".join(f"COPY part{n} /www/\n" for n in range(count))
    image = images.build(docker_client, dockerfile, {f"part{n}": os.urandom(size) for n in range(count)})
    with (
        gateway_stack(TokenTimes(advertised=60, honoured=90)) as slow,
        throttle(slow.settings.ports.registry, count * size / 155) as way,
        contextlib.closing(docker.DockerClient(SOCKET, timeout=300)) as patient,
    ):
        started = time.monotonic()
        pushed = push(patient, image, f"127.0.0.1:{way.port}/{repository}", slow.ticket(repository, "push"))
        seconds = time.monotonic() - started
        assert slow.run(slow.distribution.image(repository, pushed)).compressed_size > count * size
        print(f"held up for {seconds:.0f} s, {slow.book.asked} tokens")  # noqa: T201
        assert seconds >= 150
        assert slow.book.asked >= 3
    docker_client.images.remove(image, force=True)


def push(client: docker.DockerClient, image: str, name: str, ticket: tuple[str, str]) -> str:
    """Push as `v1`; give the digest."""
    client.images.get(image).tag(name, "v1")
    found = ""
    auth = {"username": ticket[0], "password": ticket[1]}
    for record in client.api.push(name, tag="v1", stream=True, decode=True, auth_config=auth):
        assert "error" not in record, record["error"]
        found = record.get("aux", {}).get("Digest", found)
    return found
