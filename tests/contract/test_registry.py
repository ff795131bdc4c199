"""What every registry promises to the server, asked of the real ones. Images are made up and pushed by a script."""

import hashlib
import json
import os
import subprocess
from collections.abc import Iterator

import pytest

from loco_server.registries.base import ImageMissingError, ImageUnreadableError, Registry, RegistryDownError
from loco_spec.names import new_id
from tests.gateway_stack import GatewayStack, gateway_stack
from tests.registry_client import DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, Image, Pusher, digest, layer

pytestmark = [pytest.mark.registry, pytest.mark.edge]

PASSWD = b"root:x:0:0:root:/root:/bin/sh\napp:x:10001:10001:app:/:/bin/sh\n"


class Filled:
    """A registry with a way to push into it."""

    def __init__(self, stack: GatewayStack) -> None:
        self.stack = stack
        self.registry: Registry = stack.member
        self._pushers: list[Pusher] = []
        self.pusher = self.fresh()

    def fresh(self) -> Pusher:
        """Give a pusher to a repository that was not there before."""
        app_id = new_id()
        repository = f"acme/app-{app_id}"
        ticket = self.stack.ticket(repository, "push", username=f"{app_id}-v1")
        self.pusher = Pusher(self.stack.settings.registry_host, repository, ticket)
        self._pushers.append(self.pusher)
        return self.pusher

    def close(self) -> None:
        for pusher in self._pushers:
            pusher.close()


@pytest.fixture(scope="module", params=["socket", "http", "harbor", "gitlab"])
def stack(request: pytest.FixtureRequest) -> Iterator[GatewayStack]:
    with gateway_stack(kind=request.param) as found:
        yield found
        if found.foreign is not None:
            assert found.foreign.unknown == []


@pytest.fixture
def filled(stack: GatewayStack) -> Iterator[Filled]:
    found = Filled(stack)
    yield found
    found.close()


@pytest.mark.parametrize("media_type", [OCI_MANIFEST, DOCKER_MANIFEST])
def test_an_image_is_read_with_size_platform_and_user(filled: Filled, media_type: str) -> None:
    image = Image([layer({"a": b"1"}), layer({"b": b"2"})], user="app", architecture="arm64", media_type=media_type)
    pushed = filled.pusher.image(image)
    facts = filled.stack.run(filled.registry.image(filled.pusher.repository, pushed))
    assert facts.digest == pushed
    assert facts.compressed_size == sum(len(content) for content in (*image.layers, image.config))
    assert (facts.platform, facts.user) == ("linux/arm64", "app")
    assert facts.config_digest == digest(image.config)
    assert facts.layers == tuple(digest(content) for content in image.layers)
    assert facts.diff_ids == tuple(json.loads(image.config)["rootfs"]["diff_ids"])


def test_an_index_of_one_image_leads_to_it_and_attestations_are_passed_over(filled: Filled) -> None:
    image, note = Image([layer({"a": b"1"})]), Image([layer({"note": b"1"})])
    entries = []
    for content, os_name in ((image, "linux"), (note, "unknown")):
        name = filled.pusher.image(content, None)
        platform = {"os": os_name, "architecture": "amd64" if os_name == "linux" else "unknown"}
        entries.append({"mediaType": OCI_MANIFEST, "digest": name, "size": len(content.manifest), "platform": platform})
    one = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()
    pushed = filled.pusher.manifest(one, OCI_INDEX, "v1")
    facts = filled.stack.run(filled.registry.image(filled.pusher.repository, pushed))
    assert (facts.digest, facts.config_digest) == (pushed, digest(image.config))
    entries[1]["platform"] = {"os": "linux", "architecture": "arm64"}
    two = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()
    with pytest.raises(ImageMissingError, match="index of 2 images"):
        filled.stack.run(filled.registry.image(filled.pusher.repository, filled.pusher.manifest(two, OCI_INDEX, "v2")))
    filled.stack.run(filled.registry.delete(filled.pusher.repository, pushed))
    with pytest.raises(ImageMissingError):
        filled.stack.run(filled.registry.image(filled.pusher.repository, digest(image.manifest)))


def test_what_is_not_there_is_missing(filled: Filled) -> None:
    nothing = digest(b"nothing")
    with pytest.raises(ImageMissingError):
        filled.stack.run(filled.registry.image("acme/never-abcdefghij", nothing))
    filled.pusher.image(Image([layer({"a": b"1"})]))
    with pytest.raises(ImageMissingError):
        filled.stack.run(filled.registry.image(filled.pusher.repository, nothing))


def test_a_layer_that_is_lost_or_cut_makes_the_image_missing(filled: Filled) -> None:
    image = Image([layer({"a": os.urandom(1000)}), layer({"b": os.urandom(1000)})])
    pushed = filled.pusher.image(image)
    name = digest(image.layers[1]).removeprefix("sha256:")
    blobs = filled.stack.settings.data_dir / "registry/storage/docker/registry/v2/blobs/sha256"
    blob = blobs / name[:2] / name / "data"
    blob.write_bytes(b"cut")
    with pytest.raises(ImageMissingError, match="does not have the size"):
        filled.stack.run(filled.registry.image(filled.pusher.repository, pushed))
    blob.unlink()
    with pytest.raises(ImageMissingError, match="which is not there"):
        filled.stack.run(filled.registry.image(filled.pusher.repository, pushed))


def test_the_newest_passwd_counts(filled: Filled) -> None:
    old = layer({"etc/passwd": PASSWD, "etc/group": b"root:x:0:\nstaff:x:50:app\n"})
    new = layer({"etc/passwd": PASSWD.replace(b"10001", b"20002"), "x": b"1"})
    plain = layer({"./app/main": os.urandom(100_000)}, packed=False)
    facts_of = {}
    for name, layers in {"one": [old, plain], "two": [old, new, plain]}.items():
        pusher = filled.fresh()
        pushed = pusher.image(Image(layers, user="app"))
        facts_of[name] = (pusher.repository, filled.stack.run(filled.registry.image(pusher.repository, pushed)))
    assert filled.stack.run(filled.registry.user_id(*facts_of["one"], "app")) == 10001
    assert filled.stack.run(filled.registry.user_id(*facts_of["two"], "app")) == 20002
    assert filled.stack.run(filled.registry.user_id(*facts_of["two"], "nobody")) is None
    assert filled.stack.run(filled.registry.group_id(*facts_of["two"], "staff")) == 50
    assert filled.stack.run(filled.registry.group_id(*facts_of["two"], "app")) is None


def test_a_removed_passwd_has_no_users_and_none_at_all_neither(filled: Filled) -> None:
    for layers in ([layer({"etc/passwd": PASSWD}), layer({"etc/.wh.passwd": b""})], [layer({"a": b"1"})]):
        pusher = filled.fresh()
        pushed = pusher.image(Image(layers, user="app"))
        facts = filled.stack.run(filled.registry.image(pusher.repository, pushed))
        assert filled.stack.run(filled.registry.user_id(pusher.repository, facts, "app")) is None


def test_a_layer_packed_with_zstd_is_refused_in_words(filled: Filled) -> None:
    argv = ["zstd", "-q", "-c"]
    packed = subprocess.run(argv, input=layer({"a": b"1"}, packed=False), capture_output=True, check=True).stdout
    pushed = filled.pusher.image(Image([packed], user="app"))
    facts = filled.stack.run(filled.registry.image(filled.pusher.repository, pushed))
    with pytest.raises(ImageUnreadableError, match="compressed with zstd; give its number instead"):
        filled.stack.run(filled.registry.user_id(filled.pusher.repository, facts, "app"))


def test_manifests_are_those_with_a_tag_and_deletion_is_idempotent(filled: Filled) -> None:
    repository = filled.pusher.repository
    assert filled.stack.run(filled.registry.manifests(repository)) == frozenset()
    pushed = {filled.pusher.image(Image([layer({"a": bytes([n])})]), f"v{n}") for n in range(3)}
    assert filled.stack.run(filled.registry.manifests(repository)) == pushed
    gone = min(pushed)
    for _ in range(2):
        filled.stack.run(filled.registry.delete(repository, gone))
    assert filled.stack.run(filled.registry.manifests(repository)) == pushed - {gone}
    filled.stack.run(filled.registry.delete("acme/never-abcdefghij", gone))


@pytest.mark.sample("many_tags")
def test_a_great_many_tags_are_all_seen(filled: Filled) -> None:
    image = Image([layer({"a": b"1"})])
    filled.pusher.image(image, "v0")
    for n in range(1, 205):
        filled.pusher.manifest(image.manifest, OCI_MANIFEST, f"v{n}")
    other = filled.pusher.image(Image([layer({"b": b"2"})]), "zz")
    assert filled.stack.run(filled.registry.manifests(filled.pusher.repository)) == {digest(image.manifest), other}


def test_a_config_that_is_not_json_is_no_image(filled: Filled) -> None:
    filled.pusher.blob(b"not json")
    content = layer({"a": b"1"})
    filled.pusher.blob(content)
    manifest = json.loads(Image([content]).manifest)
    manifest["config"] |= {"digest": f"sha256:{hashlib.sha256(b'not json').hexdigest()}", "size": 8}
    pushed = filled.pusher.manifest(json.dumps(manifest).encode(), OCI_MANIFEST, "v1")
    with pytest.raises(ImageMissingError, match="not JSON"):
        filled.stack.run(filled.registry.image(filled.pusher.repository, pushed))


def test_a_registry_that_is_away_is_down_and_no_image_is_called_missing(filled: Filled) -> None:
    pushed = filled.pusher.image(Image([layer({"a": b"1"})]))
    filled.stack.run(filled.stack.registry.process.stop())
    try:
        with pytest.raises(RegistryDownError):
            filled.stack.run(filled.registry.image(filled.pusher.repository, pushed))
        with pytest.raises(RegistryDownError):
            filled.stack.run(filled.registry.manifests(filled.pusher.repository))
        with pytest.raises(RegistryDownError):
            filled.stack.run(filled.registry.delete(filled.pusher.repository, pushed))
    finally:
        filled.stack.run(filled.stack.registry.process.start())
    assert filled.stack.run(filled.registry.image(filled.pusher.repository, pushed)).digest == pushed


def test_the_gateways_credential_is_for_one_repository(filled: Filled) -> None:
    first = filled.stack.run(filled.registry.upstream_authorization("acme/a", ("pull",)))
    assert first.startswith("Bearer ")
    assert first != filled.stack.run(filled.registry.upstream_authorization("acme/b", ("pull",)))
