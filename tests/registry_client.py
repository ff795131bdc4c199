"""A scripted registry client: pushes through the gateway as Docker does, in pieces, so that a test can wait between."""

import gzip
import hashlib
import io
import json
import tarfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import httpx

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def layer(files: Mapping[str, bytes], *, packed: bool = True) -> bytes:
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(body.getvalue(), mtime=0) if packed else body.getvalue()


@dataclass
class Image:
    """A made-up image; `broken` names blobs that are listed and never pushed."""

    layers: list[bytes]
    user: str = "10001"
    architecture: str = "amd64"
    media_type: str = OCI_MANIFEST
    broken: list[bytes] = field(default_factory=list)
    diff_ids: list[str] | None = None
    """What the configuration claims of the unpacked layers; None: the digests of the packed ones."""

    @property
    def config(self) -> bytes:
        return json.dumps(
            {
                "os": "linux",
                "architecture": self.architecture,
                "config": {"User": self.user},
                "rootfs": {"type": "layers", "diff_ids": self.diff_ids or [digest(each) for each in self.layers]},
            }
        ).encode()

    @property
    def manifest(self) -> bytes:
        docker = self.media_type == DOCKER_MANIFEST
        kinds = (
            ("application/vnd.docker.container.image.v1+json", "application/vnd.docker.image.rootfs.diff.tar.gzip")
            if docker
            else ("application/vnd.oci.image.config.v1+json", "application/vnd.oci.image.layer.v1.tar+gzip")
        )

        def entry(kind: str, content: bytes) -> dict[str, object]:
            return {"mediaType": kind, "digest": digest(content), "size": len(content)}

        return json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": self.media_type,
                "config": entry(kinds[0], self.config),
                "layers": [entry(kinds[1], content) for content in self.layers],
            }
        ).encode()


class Pusher:
    """Pushes to one repository with a ticket, buying a new token when the one it has is about to be too old."""

    def __init__(self, registry: str, repository: str, ticket: tuple[str, str], *, renew: bool = True) -> None:
        self._client = httpx.Client(base_url=f"http://{registry}", timeout=30, trust_env=False)
        self.repository = repository
        self._ticket = ticket
        self._renew = renew
        self._token = ""
        self._until = 0.0
        self.tokens: set[str] = set()

    def close(self) -> None:
        self._client.close()

    def ask(self, method: str, path: str, **rest: object) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token()}", **rest.pop("headers", {})}  # type: ignore[dict-item]
        return self._client.request(method, path, headers=headers, **rest)  # type: ignore[arg-type]

    def token(self) -> str:
        if not self._token or (self._renew and time.monotonic() >= self._until):
            challenge = self._client.get(f"/v2/{self.repository}/blobs/uploads/").headers["www-authenticate"]
            fields = dict(part.split("=", 1) for part in challenge.removeprefix("Bearer ").split(","))
            answer = httpx.get(
                fields["realm"].strip('"'),
                params={"service": fields["service"].strip('"'), "scope": f"repository:{self.repository}:pull,push"},
                auth=self._ticket,
                trust_env=False,
            )
            answer.raise_for_status()
            self._token, self._until = answer.json()["token"], time.monotonic() + answer.json()["expires_in"]
            self.tokens.add(self._token)
        return self._token

    def blob(self, content: bytes, *, pieces: int = 1, between: Callable[[], None] = lambda: None) -> None:
        if self.ask("HEAD", f"/v2/{self.repository}/blobs/{digest(content)}").status_code == 200:
            return
        answer = self.ask("POST", f"/v2/{self.repository}/blobs/uploads/")
        assert answer.status_code == 202, answer.text
        size = -(-len(content) // pieces)
        for start in range(0, len(content), size):
            answer = self.ask("PATCH", answer.headers["location"], content=content[start : start + size])
            assert answer.status_code == 202, answer.text
            between()
        answer = self.ask("PUT", answer.headers["location"] + f"&digest={digest(content)}")
        assert answer.status_code == 201, answer.text

    def manifest(self, content: bytes, media_type: str, tag: str | None = None) -> str:
        name = tag or digest(content)
        answer = self.ask(
            "PUT", f"/v2/{self.repository}/manifests/{name}", content=content, headers={"Content-Type": media_type}
        )
        assert answer.status_code == 201, answer.text
        return digest(content)

    def image(self, image: Image, tag: str | None = "v1") -> str:
        for content in (*image.layers, image.config):
            self.blob(content)
        return self.manifest(image.manifest, image.media_type, tag)
