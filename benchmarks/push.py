"""A push of a large layer that packs badly: through the gateway, and straight to a registry of the same program.

Once as people push, by the engine, which packs and hashes the layer both times; and once the blob alone, by HTTP, where
nothing but the way is left to differ.
"""

import io
import os
import tarfile
from collections.abc import Iterator
from functools import partial
from itertools import count

import docker
import httpx

from benchmarks.measured import Measured, Row
from benchmarks.parts import engine, platform, team
from benchmarks.timing import in_turn, seconds
from loco_cli.build.transfer import fault
from loco_spec.api import PushTicket
from tests.private_registry import private_registry
from tests.registry_client import Pusher, digest

MEGABYTES, ROUNDS = 200, 5
PUSH_LIMIT, BLOB_LIMIT = 1.2, 1.5
BYTES, PIECE = MEGABYTES * 1_000_000, 8 << 20


def measure() -> Iterator[Row]:
    client, numbers = engine(), count(1)
    with platform() as stack, private_registry() as registry:
        created = stack.client().post(
            f"/v1/teams/{team(stack)}/apps/large/deployments", json={"spec": {"name": "large"}}
        )
        ticket = PushTicket.model_validate(created.raise_for_status().json()["ticket"])
        credentials = {"username": ticket.username, "password": ticket.password}

        def pushed(repository: str, sign_in: dict[str, str] | None) -> float:
            tag = f"n{next(numbers)}"
            client.api.import_image_from_data(layer(), repository=repository, tag=tag)
            try:
                return seconds(lambda: _push(client, repository, tag, sign_in))
            finally:
                client.images.remove(f"{repository}:{tag}", force=True)

        ours = partial(pushed, f"{ticket.registry}/{ticket.repository}", credentials)
        times = in_turn({"ours": ours, "raw": partial(pushed, f"{registry.host}/large", None)}, ROUNDS)
        name = f"docker push of {MEGABYTES} MB / without a gateway"
        yield Measured(name, times["ours"], times["raw"], PUSH_LIMIT)

        pusher = Pusher(ticket.registry, ticket.repository, (ticket.username, ticket.password))
        with (
            httpx.Client(base_url=f"http://{ticket.registry}", timeout=60) as gateway,
            httpx.Client(base_url=f"http://{registry.host}", timeout=60) as direct,
        ):

            def sent(to: httpx.Client, repository: str) -> float:
                if to is gateway:
                    to.headers["authorization"] = f"Bearer {pusher.token()}"
                content = os.urandom(BYTES)
                return seconds(lambda: _send(to, repository, content))

            ways = {"ours": partial(sent, gateway, ticket.repository), "raw": partial(sent, direct, "large")}
            times = in_turn(ways, ROUNDS)
        pusher.close()
        client.close()
        name = f"a blob of {MEGABYTES} MB by HTTP / without a gateway"
        yield Measured(name, times["ours"], times["raw"], BLOB_LIMIT)


def layer() -> bytes:
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w") as archive:
        entry = tarfile.TarInfo("data")
        entry.size = BYTES
        archive.addfile(entry, io.BytesIO(os.urandom(BYTES)))
    return body.getvalue()


def _push(client: docker.DockerClient, repository: str, tag: str, sign_in: dict[str, str] | None) -> None:
    # Without credentials of its own the SDK would read the person's.
    for record in client.api.push(repository, tag=tag, stream=True, decode=True, auth_config=sign_in or {}):
        assert not fault(record), fault(record)


def _send(to: httpx.Client, repository: str, content: bytes) -> None:
    """Upload as Docker does: one PATCH with all of it, and a PUT that names it."""
    answer = to.post(f"/v2/{repository}/blobs/uploads/")
    assert answer.status_code == 202, answer.text
    pieces = (content[start : start + PIECE] for start in range(0, len(content), PIECE))
    answer = to.patch(answer.headers["location"], content=pieces)
    assert answer.status_code == 202, answer.text
    answer = to.put(f"{answer.headers['location']}&digest={digest(content)}")
    assert answer.status_code == 201, answer.text
