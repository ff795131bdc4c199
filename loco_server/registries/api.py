"""The API that every registry serves (Distribution's version 2, which OCI's follows), as the server asks it.

What differs from registry to registry is the credential alone: a member of the seam is this class with its own.
"""

import asyncio
import hashlib
import ssl
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from loco_server.registries import documents, layers
from loco_server.registries.base import (
    Action,
    ImageFacts,
    ImageMissingError,
    ImageUnreadableError,
    RegistryDownError,
)
from loco_spec import image_rules

_AS_IT_IS = {"Accept-Encoding": "identity"}  # a proxy before it that packs would change sizes, and layers
_LAYERS_MAX = 500
_PASSWD_BYTES = 1 << 20
_UNPACKED_BYTES = 16 << 30
_AT_ONCE = 8
_GONE = frozenset({202, 400, 404})
_NEEDED = frozenset({409, 412})
"""How GitLab's registry and Harbor say that another index leads there too."""

# What a registry itself asks for: uploads demand pull beside push, and the end of an own upload demands delete.
# Which request may be made at all has been decided before, and no tenant ever sees this token.
_UPSTREAM: Mapping[Action, tuple[str, ...]] = {"pull": ("pull",), "push": ("pull", "push", "delete")}


class RegistryApi(ABC):
    """A registry, at a URL or at a socket of this machine.

    Args:
        url: `https://harbor.example.com`; None: at the socket.
        socket: where it listens on one machine.
        ca_file: whose signature under its certificate is believed; None: those that Python believes.
        prefix: what the names of its repositories have before ours: `project` or `group/project`; "" for none.
    """

    def __init__(
        self, *, url: str | None, socket: Path | None = None, ca_file: Path | None = None, prefix: str = ""
    ) -> None:
        if url is None and socket is None:
            raise ValueError("the registry has neither a URL nor a socket")
        self._url = "http://registry" if url is None else url.rstrip("/")
        self._socket = str(socket) if url is None else None
        self._verify = True if ca_file is None else ssl.create_default_context(cafile=str(ca_file))
        self._prefix = f"{prefix}/" if prefix else ""
        self._client: httpx.AsyncClient | None = None

    @abstractmethod
    async def authorization(self, repository: str, actions: tuple[str, ...]) -> str:
        """Give an `Authorization` for these actions of the registry's own (`pull`, `push`, `delete`).

        Args:
            repository: as the registry calls it, with the prefix.
            actions: none where it is to open `/v2/` alone.

        Raises:
            RegistryDownError: there is none to be had now.
        """

    def refused(self) -> None:  # noqa: B027  Distribution keeps none
        """Hear that the registry did not take an authorization: one that was kept is not good any more."""

    async def upstream_authorization(self, repository: str, actions: tuple[Action, ...]) -> str:
        """Give the `Authorization` that the gateway puts on an allowed request. Raises as `authorization` does."""
        real = {action for each in actions for action in _UPSTREAM[each]}
        return await self.authorization(self._prefix + repository, tuple(sorted(real)))

    async def image(self, repository: str, digest: str) -> ImageFacts:
        """Read manifest and config, and see that every blob is there in the size the manifest says.

        Raises:
            ImageMissingError: not there, not an image, or the manifest lists something that is not.
            RegistryDownError: no answer.
        """
        manifest = await self._manifest(repository, digest)
        if manifest.get("mediaType") in documents.INDEXES or "manifests" in manifest:
            manifest = await self._manifest(repository, documents.only_image(manifest))
        try:
            config = documents.descriptor(manifest["config"])
            blobs = [documents.descriptor(layer) for layer in manifest["layers"]]
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
        return await self._number(repository, facts, "etc/passwd", name)

    async def group_id(self, repository: str, facts: ImageFacts, name: str) -> int | None:
        """Look up a named group in the image's own /etc/group. Raises as `user_id` does."""
        return await self._number(repository, facts, "etc/group", name)

    async def delete(self, repository: str, digest: str) -> None:
        """Delete a manifest, and the one that an index leads to. Unknown is no error.

        Raises:
            RegistryDownError: no answer, or the registry does not let its account delete.
        """
        try:
            manifest = await self._manifest(repository, digest)
        except ImageMissingError:
            manifest = {}
        children = [child.get("digest") for child in manifest.get("manifests", ()) if isinstance(child, dict)]
        for name in (digest, *(child for child in children if documents.is_digest(child))):
            fine = _GONE if name == digest else _GONE | _NEEDED
            async with self._ask("DELETE", repository, f"manifests/{name}", "delete") as answer:
                if answer.status_code not in fine:
                    raise RegistryDownError(f"the registry answered {answer.status_code} to a deletion")

    async def manifests(self, repository: str) -> frozenset[str]:
        """Digests of all tagged manifests of the repository; empty for an unknown one."""
        found: set[str] = set()
        last = ""
        while True:
            async with self._ask("GET", repository, f"tags/list?n=100&last={last}", "pull") as answer:
                if answer.status_code == 404:
                    return frozenset(found)
                tags = documents.json_object(await documents.limited(answer)).get("tags") or []
                more = "link" in answer.headers
            for tag in tags:
                async with self._ask(
                    "HEAD", repository, f"manifests/{tag}", "pull", headers=documents.ACCEPT
                ) as answer:
                    if answer.status_code == 200:
                        found.add(answer.headers["docker-content-digest"])
            if not more or not tags:
                return frozenset(found)
            last = tags[-1]

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _manifest(self, repository: str, digest: str) -> dict[str, Any]:
        return await self._document(repository, f"manifests/{digest}", digest, headers=documents.ACCEPT)

    async def _document(
        self, repository: str, path: str, digest: str, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Read a JSON object and see that it is the one with that digest."""
        async with self._ask("GET", repository, path, "pull", headers=headers) as answer:
            if answer.status_code in {400, 404}:
                raise ImageMissingError(f"{path} is not there")
            text = await documents.limited(answer)
        if f"sha256:{hashlib.sha256(text).hexdigest()}" != digest:
            raise ImageMissingError(f"{path} is not what its digest says")
        return documents.json_object(text)

    async def _see(self, repository: str, digest: str, size: int, gate: asyncio.Semaphore) -> None:
        async with gate, self._ask("HEAD", repository, f"blobs/{digest}", "pull") as answer:
            if answer.status_code != 200:
                raise ImageMissingError(f"its manifest lists {digest}, which is not there")
            if answer.headers.get("content-length") != str(size):
                raise ImageMissingError(f"{digest} does not have the size that its manifest says")

    @property
    def client(self) -> httpx.AsyncClient:
        if self._client is None:
            transport = httpx.AsyncHTTPTransport(uds=self._socket, verify=self._verify, retries=1)
            self._client = httpx.AsyncClient(transport=transport, timeout=30, base_url=self._url)
        return self._client

    @asynccontextmanager
    async def _ask(
        self, method: str, repository: str, path: str, action: str, *, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[httpx.Response]:
        """Ask the registry; its own faults, and none of its other answers, are errors."""
        name = self._prefix + repository
        wanted = {**_AS_IT_IS, **(headers or {}), "Authorization": await self.authorization(name, (action,))}
        try:
            async with self.client.stream(method, f"/v2/{name}/{path}", headers=wanted) as answer:
                self._see_through(answer, f"{method} {path}")
                yield answer
        except httpx.TransportError as e:
            raise RegistryDownError(f"the registry does not answer: {e!r}") from e

    def _see_through(self, answer: httpx.Response, asked: str) -> None:
        """Raise where the answer is about the registry, not about what was asked for."""
        status = answer.status_code
        if status == 401:
            self.refused()
        if answer.has_redirect_location:
            raise RegistryDownError(f"the registry sends on to another place for {asked}; its redirects are to be off")
        if status >= 500 or status in {401, 403, 429}:
            account = "; its account may not do that there, or not any more" if status in {401, 403} else ""
            raise RegistryDownError(f"the registry answered {status} to {asked}{account}")

    async def _number(self, repository: str, facts: ImageFacts, path: str, name: str) -> int | None:
        """Read layers in a thread: they are large. Each is asked for with an authorization that is good then."""
        loop, repository = asyncio.get_running_loop(), self._prefix + repository

        def authorize() -> str:
            return asyncio.run_coroutine_threadsafe(self.authorization(repository, ("pull",)), loop).result()

        return await asyncio.to_thread(self._looked_up, repository, facts, path, name, authorize)

    def _looked_up(
        self, repository: str, facts: ImageFacts, path: str, name: str, authorize: Callable[[], str]
    ) -> int | None:
        with httpx.Client(transport=httpx.HTTPTransport(uds=self._socket, verify=self._verify), timeout=30) as client:
            for digest in reversed(facts.layers):
                try:
                    found = layers.find(
                        self._layer(client, repository, digest, authorize()),
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

    def _layer(self, client: httpx.Client, repository: str, digest: str, authorization: str) -> Iterator[bytes]:
        headers, path = {**_AS_IT_IS, "Authorization": authorization}, f"blobs/{digest}"
        with client.stream("GET", f"{self._url}/v2/{repository}/{path}", headers=headers) as answer:
            self._see_through(answer, f"GET {path}")
            if answer.status_code != 200:
                raise RegistryDownError(f"the registry answered {answer.status_code} to GET {path}")
            yield from answer.iter_raw(1 << 16)
