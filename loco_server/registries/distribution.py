"""CNCF Distribution (2.8 and 3) behind a Unix socket, spoken to with short tokens that the server signs itself."""

import asyncio
import base64
import hashlib
import json
import re
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives.serialization import Encoding
from joserfc import jwt
from joserfc.jwk import ECKey

from loco_server import keys
from loco_server.registries import layers
from loco_server.registries.base import (
    Action,
    ImageFacts,
    ImageMissingError,
    ImageUnreadableError,
    RegistryDownError,
)
from loco_spec import image_rules

ISSUER = "loco"
SERVICE = "loco-distribution"
"""The audience of upstream tokens; the registry's configuration names it."""
_LIFETIME = 60
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_ACCEPT = {"Accept": ", ".join(_MANIFESTS + _INDEXES)}
_DOCUMENT_BYTES = 4 << 20
_LAYERS_MAX = 500
_PASSWD_BYTES = 1 << 20
_UNPACKED_BYTES = 16 << 30
_AT_ONCE = 8

# What the registry itself asks for: uploads demand pull beside push, and the end of an own upload demands delete.
# Which request may be made at all has been decided before, and no tenant ever sees this token.
_UPSTREAM: Mapping[Action, tuple[str, ...]] = {"pull": ("pull",), "push": ("pull", "push", "delete")}


class Distribution:
    """The registry on one machine.

    Args:
        socket: where it listens.
        keys_dir: where the key and certificate of its tokens are, made at first use.
    """

    def __init__(self, *, socket: Path, keys_dir: Path) -> None:
        key = keys.signing_key(keys_dir / keys.UPSTREAM_KEY)
        certificate = keys.certificate(keys_dir / keys.UPSTREAM_CERTIFICATE, key, ISSUER)
        self._key = ECKey.import_key(key)
        self._x5c = [base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()]
        self._socket = socket
        self._client: httpx.AsyncClient | None = None

    async def upstream_authorization(self, repository: str, actions: tuple[Action, ...]) -> str:
        """Give the `Authorization` that the gateway puts on an allowed request."""
        return self._authorization(repository, *(real for action in actions for real in _UPSTREAM[action]))

    async def image(self, repository: str, digest: str) -> ImageFacts:
        """Read manifest and config, and see that every blob is there in the size the manifest says.

        Raises:
            ImageMissingError: not there, not an image, or the manifest lists something that is not.
            RegistryDownError: no answer.
        """
        manifest = await self._manifest(repository, digest)
        if manifest.get("mediaType") in _INDEXES or "manifests" in manifest:
            manifest = await self._manifest(repository, _only_image(manifest))
        try:
            config = _blob(manifest["config"])
            blobs = [_blob(layer) for layer in manifest["layers"]]
        except (KeyError, TypeError, ValueError) as e:
            raise ImageMissingError("its manifest is not that of an image") from e
        if len(blobs) > _LAYERS_MAX:
            raise ImageMissingError(f"it has {len(blobs)} layers; {_LAYERS_MAX} are the most")
        gate = asyncio.Semaphore(_AT_ONCE)
        await asyncio.gather(*(self._see(repository, *blob, gate) for blob in {config, *blobs}))
        facts = await self._document(repository, f"blobs/{config[0]}", config[0])
        settings, root = facts.get("config"), facts.get("rootfs")
        named = [str(facts.get(key) or "") for key in ("os", "architecture", "variant")]
        diff_ids = root.get("diff_ids") if isinstance(root, dict) else None
        return ImageFacts(
            digest=digest,
            compressed_size=config[1] + sum(size for _, size in blobs),
            platform=image_rules.platform_name(*named),
            user=str(settings.get("User") or "") if isinstance(settings, dict) else "",
            config_digest=config[0],
            layers=tuple(name for name, _ in blobs),
            diff_ids=tuple(str(each) for each in diff_ids) if isinstance(diff_ids, list) else (),
        )

    async def user_id(self, repository: str, facts: ImageFacts, name: str) -> int | None:
        """Look up a named user in the image's own /etc/passwd, newest layer first; None when it has none.

        Raises:
            ImageUnreadableError: a layer that would have to be read is not a tar archive, plain or gzip.
            RegistryDownError: no answer.
        """
        return await asyncio.to_thread(self._looked_up, repository, facts, "etc/passwd", name)

    async def group_id(self, repository: str, facts: ImageFacts, name: str) -> int | None:
        """Look up a named group in the image's own /etc/group. Raises as `user_id` does."""
        return await asyncio.to_thread(self._looked_up, repository, facts, "etc/group", name)

    async def delete(self, repository: str, digest: str) -> None:
        """Delete a manifest, and the one that an index leads to. Unknown is no error."""
        try:
            manifest = await self._manifest(repository, digest)
        except ImageMissingError:
            manifest = {}
        children = [child.get("digest") for child in manifest.get("manifests", ()) if isinstance(child, dict)]
        for name in (digest, *(child for child in children if _is_digest(child))):
            async with self._ask("DELETE", repository, f"manifests/{name}", "delete") as answer:
                if answer.status_code not in {202, 400, 404}:
                    raise RegistryDownError(f"the registry answered {answer.status_code} to a deletion")

    async def manifests(self, repository: str) -> frozenset[str]:
        """Digests of all tagged manifests of the repository; empty for an unknown one."""
        found: set[str] = set()
        last = ""
        while True:
            async with self._ask("GET", repository, f"tags/list?n=100&last={last}", "pull") as answer:
                if answer.status_code == 404:
                    return frozenset(found)
                tags = _json(await _limited(answer)).get("tags") or []
                more = "link" in answer.headers
            for tag in tags:
                async with self._ask("HEAD", repository, f"manifests/{tag}", "pull", headers=_ACCEPT) as answer:
                    if answer.status_code == 200:
                        found.add(answer.headers["docker-content-digest"])
            if not more or not tags:
                return frozenset(found)
            last = tags[-1]

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def _authorization(self, repository: str, *actions: str) -> str:
        now = int(time.time())
        access = [{"type": "repository", "name": repository, "actions": sorted(set(actions))}] if actions else []
        claims = {"iss": ISSUER, "sub": "loco", "aud": SERVICE, "iat": now, "nbf": now, "exp": now + _LIFETIME}
        header = {"alg": "ES256", "typ": "JWT", "x5c": self._x5c}
        return f"Bearer {jwt.encode(header, claims | {'access': access}, self._key, algorithms=['ES256'])}"

    async def _manifest(self, repository: str, digest: str) -> dict[str, Any]:
        return await self._document(repository, f"manifests/{digest}", digest, headers=_ACCEPT)

    async def _document(
        self, repository: str, path: str, digest: str, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Read a JSON object and see that it is the one with that digest."""
        async with self._ask("GET", repository, path, "pull", headers=headers) as answer:
            if answer.status_code in {400, 404}:
                raise ImageMissingError(f"{path} is not there")
            text = await _limited(answer)
        if f"sha256:{hashlib.sha256(text).hexdigest()}" != digest:
            raise ImageMissingError(f"{path} is not what its digest says")
        return _json(text)

    async def _see(self, repository: str, digest: str, size: int, gate: asyncio.Semaphore) -> None:
        async with gate, self._ask("HEAD", repository, f"blobs/{digest}", "pull") as answer:
            if answer.status_code != 200:
                raise ImageMissingError(f"its manifest lists {digest}, which is not there")
            if answer.headers.get("content-length") != str(size):
                raise ImageMissingError(f"{digest} does not have the size that its manifest says")

    @asynccontextmanager
    async def _ask(
        self, method: str, repository: str, path: str, action: str, *, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[httpx.Response]:
        """Ask the registry; its own faults, and none of its other answers, are errors."""
        if self._client is None:
            transport = httpx.AsyncHTTPTransport(uds=str(self._socket), retries=1)
            self._client = httpx.AsyncClient(transport=transport, timeout=30, base_url="http://registry")
        wanted = {**(headers or {}), "Authorization": self._authorization(repository, action)}
        try:
            async with self._client.stream(method, f"/v2/{repository}/{path}", headers=wanted) as answer:
                if answer.status_code >= 500 or answer.status_code in {401, 403}:
                    raise RegistryDownError(f"the registry answered {answer.status_code} to {method} {path}")
                yield answer
        except httpx.TransportError as e:
            raise RegistryDownError(f"the registry does not answer: {e!r}") from e

    def _looked_up(self, repository: str, facts: ImageFacts, path: str, name: str) -> int | None:
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(self._socket)), timeout=30) as client:
            for digest in reversed(facts.layers):
                try:
                    found = layers.find(
                        self._layer(client, repository, digest),
                        path,
                        at_most=_PASSWD_BYTES,
                        unpacked_at_most=_UNPACKED_BYTES,
                    )
                except layers.UnreadableLayerError as e:
                    raise ImageUnreadableError(
                        f"{name!r} of USER cannot be looked up in /{path} of layer {digest[:19]}: {e}; "
                        "give its number instead (USER 10001)"
                    ) from e
                except httpx.TransportError as e:
                    raise RegistryDownError(f"the registry does not answer: {e!r}") from e
                if isinstance(found, bytes):
                    return layers.number_of(found, name)
                if found is layers.Verdict.REMOVED:
                    return None
        return None

    def _layer(self, client: httpx.Client, repository: str, digest: str) -> Iterator[bytes]:
        headers = {"Authorization": self._authorization(repository, "pull")}
        with client.stream("GET", f"http://registry/v2/{repository}/blobs/{digest}", headers=headers) as answer:
            if answer.status_code != 200:
                raise RegistryDownError(f"the registry answered {answer.status_code} to GET blobs/{digest}")
            yield from answer.iter_raw(1 << 16)


def _only_image(index: Mapping[str, Any]) -> str:
    """Give the digest of the one image in an index; what tells about an image (attestations) is passed over."""
    found = []
    for entry in index.get("manifests") or ():
        platform = entry.get("platform") if isinstance(entry, dict) else None
        if isinstance(entry, dict) and (platform or {}).get("os") != "unknown":
            found.append(entry.get("digest"))
    if len(found) != 1 or not _is_digest(found[0]):
        raise ImageMissingError(f"it is an index of {len(found)} images; build for one platform")
    return str(found[0])


def _is_digest(text: object) -> bool:
    return isinstance(text, str) and _DIGEST.fullmatch(text) is not None


def _blob(entry: Mapping[str, Any]) -> tuple[str, int]:
    digest, size = entry["digest"], entry["size"]
    if not _is_digest(digest) or not isinstance(size, int) or size < 0:
        raise ValueError("not a descriptor")
    return digest, size


async def _limited(answer: httpx.Response) -> bytes:
    text = b""
    async for piece in answer.aiter_bytes():
        text += piece
        if len(text) > _DOCUMENT_BYTES:
            raise ImageMissingError(f"a document of the image is larger than {_DOCUMENT_BYTES} bytes")
    return text


def _json(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as e:
        raise ImageMissingError("a document of the image is not JSON") from e
    if not isinstance(found, dict):
        raise ImageMissingError("a document of the image is not a JSON object")
    return found
