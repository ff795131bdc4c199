"""loco's own push, through a real engine and a real gateway, where it goes wrong half way."""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import docker
import pytest
from docker.errors import ImageNotFound

from loco_cli.build import engine as engines
from loco_cli.build.push import push
from loco_server.settings import TokenTimes
from loco_spec.api import PushTicket
from loco_spec.errors import EngineUnavailable
from tests import images
from tests.gateway_stack import GatewayStack, gateway_stack
from tests.throttle import throttle

LAYERS, SIZE = 10, 200_000


@pytest.fixture
def large_image(docker_client: docker.DockerClient) -> Iterator[str]:
    dockerfile = "FROM loco-test/base:1\n" + "".join(f"COPY part{n} /www/\n" for n in range(LAYERS))
    image = images.build(docker_client, dockerfile, {f"part{n}": os.urandom(SIZE) for n in range(LAYERS)})
    yield image
    with contextlib.suppress(ImageNotFound):  # it went with the tag under which it was pushed
        docker_client.images.remove(image, force=True)


def ticket(stack: GatewayStack, registry: str, repository: str) -> PushTicket:
    username, password = stack.ticket(repository, "push")
    return PushTicket(
        registry=registry,
        repository=repository,
        tag="v1",
        username=username,
        password=password,
        expires_at=datetime.now(UTC),
    )


@pytest.mark.engine
@pytest.mark.registry
@pytest.mark.edge
def test_tokens_that_end_long_before_what_the_engine_was_told_stop_no_push(large_image: str) -> None:
    """As when the engine's clock runs slow, or the machine slept: the engine does not see that its token is too old."""
    said: list[str] = []
    with (
        gateway_stack(TokenTimes(advertised=240, honoured=4)) as stack,
        throttle(stack.settings.ports.registry, 500_000) as way,
    ):
        repository = "acme/slept-abcdefghij"
        done = push(
            engines.connect(),
            large_image,
            ticket(stack, f"127.0.0.1:{way.port}", repository),
            say=said.append,
            working=lambda _: None,
            pause=lambda _: None,
        )
        facts = stack.run(stack.distribution.image(repository, done.digest))
    assert facts.compressed_size > LAYERS * SIZE
    assert "authentication required" in said[0]
    assert done.summary.endswith(f"{LAYERS + 1} of {LAYERS + 1} layers new")


class SilentEngine:
    """Answers what a connection begins with, and lets a push begin; then says nothing for `silence` seconds."""

    def __init__(self, folder: Path, silence: float) -> None:
        self.address = f"unix://{folder}/engine.sock"
        self._silence = silence
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(f"{folder}/engine.sock")
        self._socket.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._socket.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as asked, contextlib.suppress(OSError):
            while line := asked.readline():
                while asked.readline().strip():
                    pass
                if b"/push" in line:
                    time.sleep(self._silence)
                    body = b'{"aux": {"Tag": "v1", "Digest": "sha256:1"}}\r\n'
                else:
                    body = b'{"ApiVersion": "1.41"}'
                head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
                connection.sendall(head.encode() + body)


def test_an_engine_may_be_silent_for_longer_than_a_quick_answer_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "QUICK_SECONDS", 0.5)
    silent = SilentEngine(tmp_path, silence=1.5)
    monkeypatch.setenv("DOCKER_HOST", silent.address)
    records = list(engines.connect().push("127.0.0.1:1/acme/shop", "v1", username="x", password="y"))
    silent.close()
    assert [record["aux"]["Digest"] for record in records] == ["sha256:1"]


@pytest.mark.engine
def test_an_image_that_went_away_before_the_push_is_said_to_have(base_image: str) -> None:
    ticket_ = PushTicket(
        registry="127.0.0.1:1", repository="a/b", tag="v1", username="x", password="y", expires_at=datetime.now(UTC)
    )
    with pytest.raises(EngineUnavailable, match="No such image"):
        push(engines.connect(), f"sha256:{'0' * 64}", ticket_, say=print, working=print)
