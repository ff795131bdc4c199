"""What is sent, what is not, and what the ticket for it is good for afterwards."""

import os
import subprocess
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import docker
import httpx
import pytest

from tests.e2e.stack import BIN, QUICK, Stack, httpd
from tests.e2e.test_bad_input import BUILD, DEPLOYMENT, fails
from tests.e2e.test_bad_push import uploading
from tests.registry_client import Image, Pusher, layer
from tests.waiting import eventually

pytestmark = pytest.mark.engine

IMAGE = Image([layer({"app": b"x"})])


def repositories(stack: Stack, app: str) -> list[Path]:
    """Give what the registry has of an app. The first upload to a repository makes its folder, even a refused one."""
    return list((stack.data_dir / "registry").rglob(f"repositories/*/{app}-*"))


def test_a_second_version_sends_only_the_layer_that_is_new_and_says_so(stack: Stack) -> None:
    folder = httpd(stack, "layers", text="one")
    assert "2 of 2 layers new" in stack.loco("deploy", cwd=folder).stderr
    (folder / "www/index.html").write_text("two")
    assert "1 of 2 layers new" in stack.loco("deploy", cwd=folder).stderr
    (folder / "www/index.html").write_text("one")
    assert "pushed nothing: every layer was there already" in stack.loco("deploy", cwd=folder).stderr


@pytest.mark.parametrize(
    ("dockerfile", "toml", "said"),
    [
        ("FROM loco-test/base:1\n", "", "runs as root"),
        ("FROM loco-test/base:1\nUSER root:10001\n", "", "runs as root"),
        ("FROM scratch\nCOPY loco.toml /\nUSER 1\n", '[build]\nplatform = "linux/arm64"\n', "built for linux/arm64"),
    ],
    ids=["nobody", "root", "platform"],
)
def test_an_image_that_would_be_refused_is_refused_before_anything_is_sent(
    stack: Stack, dockerfile: str, toml: str, said: str, request: pytest.FixtureRequest
) -> None:
    name = f"early-{request.node.callspec.id}"
    folder = stack.app(name, dockerfile, toml=QUICK + toml)
    found = fails(stack, folder, DEPLOYMENT, said)
    assert "pushing" not in found.stderr
    assert repositories(stack, name) == []
    latest = stack.json("status", cwd=folder)["latest"]
    assert (latest["number"], latest["state"], latest["diagnosis"]["phase"]) == (1, "failed", "checking")
    assert said in latest["reason"]


def test_a_deployment_that_somebody_cancels_meanwhile_stops_its_push_and_says_so(stack: Stack) -> None:
    folder = httpd(stack, "meanwhile")
    (folder / "www/large").write_bytes(os.urandom(60_000_000))
    with stack.client() as client, stack.begin("deploy", cwd=folder) as deploy:
        eventually(lambda: uploading(stack, folder), within=30)
        team = client.get("/v1/me").json()["default_team"]
        client.post(f"/v1/teams/{team}/apps/meanwhile/deployments/1/cancel").raise_for_status()
        assert deploy.ended() == BUILD, deploy.said
    assert "v1 takes no image any more" in deploy.said
    assert stack.json("status", cwd=folder)["latest"]["state"] == "cancelled"


def test_a_user_by_name_is_looked_up_in_the_image_by_the_server(stack: Stack) -> None:
    folder = httpd(stack, "byname", text="as app")
    path = folder / "Dockerfile"
    path.write_text(path.read_text().replace("USER 10001", "USER app"))
    stack.loco("deploy", cwd=folder)
    assert stack.get("byname").text == "as app"


def test_an_operators_limits_and_bases_hold(own_stack: Stack, docker_client: docker.DockerClient) -> None:
    bases = own_stack.folder / "bases.toml"
    _operator(own_stack, "add", "loco-test/base:1", "--file", str(bases))
    own_stack.environment["LOCO_BASE_IMAGES"] = str(bases)
    own_stack.environment["LOCO_IMAGE_UNCOMPRESSED_LIMIT"] = "4000000"
    own_stack.start()
    own_stack.loco("login")
    folder = httpd(own_stack, "based")
    own_stack.loco("deploy", cwd=folder)
    assert own_stack.get("based").status_code == 200

    other = own_stack.app("baseless", "FROM scratch\nCOPY loco.toml /\nUSER 10001\n")
    fails(own_stack, other, DEPLOYMENT, "stands on none of the base images", "loco-test/base:1")

    # A configuration may claim the layers of a listed base: the engine compares, and does not start the image.
    claimed = docker_client.images.get("loco-test/base:1").attrs["RootFS"]["Layers"]
    forged = Image([layer({"bin/httpd": b"anything"})], diff_ids=claimed)
    with own_stack.client() as client, Ticket(own_stack, client, "forged") as ticket:
        assert ticket.post("image", {"digest": ticket.pusher.image(forged)}).status_code == 200
        eventually(lambda: ticket.state == "failed")
    assert "don't match image configuration" in own_stack.json("status", "--app", "forged")["latest"]["reason"]

    (folder / "www/large").write_bytes(bytes(3_000_000))
    found = fails(own_stack, folder, DEPLOYMENT, "unpacked; the limit is 4.0 MB", "make it smaller")
    assert "pushing" not in found.stderr


def test_a_list_of_bases_with_a_fault_keeps_the_server_from_starting(own_stack: Stack) -> None:
    bases = own_stack.folder / "bases.toml"
    bases.write_text('[[base]]\nname = "debian:12"\nlayers = []\n')
    found = own_stack.server(*own_stack.ports, check=False, LOCO_BASE_IMAGES=str(bases))
    assert found.returncode == 2
    assert f"{bases}: line 1: expected layers" in found.stderr
    found = own_stack.server(*own_stack.ports, check=False, LOCO_BASE_IMAGES=f"{bases}.gone")
    assert f"{bases}.gone cannot be read" in found.stderr
    added = _operator(own_stack, "add", "loco-test/base:1", "--file", str(bases), check=False)
    assert "line 1" in added.stderr


def _operator(stack: Stack, *args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run `loco-server base-images …`."""
    argv = [str(BIN / "loco-server"), "base-images", *args]
    return subprocess.run(argv, check=check, capture_output=True, text=True, timeout=30, env=stack.env())


class Ticket(AbstractContextManager["Ticket"]):
    """A deployment that waits for its image, and a client of the registry that holds a token of its ticket."""

    def __init__(self, stack: Stack, client: httpx.Client, app: str) -> None:
        self._path = f"/v1/teams/{client.get('/v1/me').json()['default_team']}/apps/{app}/deployments"
        self._client = client
        made = client.post(self._path, json={"spec": {"name": app}}).raise_for_status().json()
        self.number, ticket = made["deployment"]["number"], made["ticket"]
        self.expires_at = datetime.fromisoformat(ticket["expires_at"])
        self.credentials_host = ticket["registry"]
        self.credentials = (ticket["username"], ticket["password"])
        self.pusher = Pusher(ticket["registry"], ticket["repository"], self.credentials, renew=False)
        self._buy = f"{stack.url}/registry/token"
        assert self.opens()

    def __exit__(self, *_: object) -> None:
        self.pusher.close()

    def opens(self) -> bool:
        """Whether ticket or token are good for anything."""
        bought = httpx.get(self._buy, params={"service": "x"}, auth=self.credentials).status_code == 200
        used = self.pusher.ask("POST", f"/v2/{self.pusher.repository}/blobs/uploads/").status_code == 202
        assert bought == used, "either both are dead or none is"
        return bought

    def post(self, what: str, body: dict[str, Any] | None = None) -> httpx.Response:
        return self._client.post(f"{self._path}/{self.number}/{what}", json=body)

    @property
    def state(self) -> str:
        return str(self._client.get(f"{self._path}/{self.number}").json()["state"])


def test_a_ticket_and_its_tokens_die_with_success_refusal_cancelling_and_time(own_stack: Stack) -> None:
    own_stack.environment["LOCO_TICKET_SECONDS"] = "4"
    own_stack.start()
    own_stack.loco("login")
    with own_stack.client() as client:
        with Ticket(own_stack, client, "intime") as in_time:
            digest = in_time.pusher.image(IMAGE)
            assert in_time.post("image", {"digest": digest}).status_code == 200
            assert not in_time.opens()
        with Ticket(own_stack, client, "refused") as refused:
            assert refused.post("image", {"digest": "sha256:" + "0" * 64}).status_code == 422
            assert refused.state == "failed"
            assert not refused.opens()
        with Ticket(own_stack, client, "cancelled") as cancelled:
            assert cancelled.post("cancel").json()["state"] == "cancelled"
            assert not cancelled.opens()
        with Ticket(own_stack, client, "late") as late:
            eventually(lambda: late.state == "expired", within=30)
            assert datetime.now(UTC) > late.expires_at
            assert not late.opens()
            assert late.post("image", {"digest": digest}).status_code == 409
