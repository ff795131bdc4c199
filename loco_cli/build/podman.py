"""Podman behind its Docker-compatible API (`podman system service`): what it answers otherwise than Docker does.

- `POST /auth` insists on TLS and takes no parameter against it: the registry is reached by a pull that must fail, with
  the API of Podman's own, as the compatible one's pull takes none either.
- A push over plain HTTP needs `tlsVerify=false`, request by request; the person's registries.conf stays as it is.
- The digest comes as a line of text, in newer versions also as `aux`; never is it the one of the image in the store.
"""

import ipaddress
import re
from collections.abc import Iterator
from typing import Any

from loco_cli.build.engine import QUICK_SECONDS, Engine, SourceError, records
from loco_spec.errors import EngineUnavailable

_DIGEST = re.compile(r"digest: (sha256:[0-9a-f]{64})")
# What is said by no registry, but by the way to it.
_ON_THE_WAY = re.compile(
    r"dial tcp|no such host|connection refused|no route to host|timeout|deadline exceeded|server gave HTTP response"
    r"|x509|tls:|\bEOF\b|connection reset",
    re.IGNORECASE,
)
_PROBE = "loco/reach:none"
_OLDEST = "4.0.0"


class Podman(Engine):
    is_podman = True

    def __init__(self, quick: Any, streams: Any, address: str, version: str = "") -> None:
        """Take the clients, and the version of Podman's own API."""
        super().__init__(quick, streams, address, has_buildkit=False)
        self._version = version or _OLDEST

    def push(self, repository: str, tag: str, *, username: str, password: str) -> Iterator[dict[str, Any]]:
        """Push a tag and give records as Docker's are.

        Raises:
            EngineUnavailable: it went away.
        """
        registry = repository.partition("/")[0]
        query = {"tag": tag, **insecure(registry)}
        headers = self._credentials(registry, username, password)
        api = self._streams
        url = api._url("/images/{0}/push", repository)  # noqa: SLF001
        for record in self._told(lambda: records(api, url, query, headers), "the push"):
            said = _DIGEST.search(str(record.get("status", "")))
            yield {**record, "aux": {"Digest": said[1]}} if said and not record.get("aux") else record

    def reach(self, registry: str, *, username: str, password: str) -> None:
        """See that the engine reaches the registry, by asking it for an image that is not there.

        Raises:
            RegistryUnreachable: it does not.
        """
        query = {"reference": f"{registry}/{_PROBE}", **insecure(registry)}
        headers = self._credentials(registry, username, password)
        api, url = self._quick, self._own("/images/pull")
        try:
            told = list(self._told(lambda: records(api, url, query, headers), "a look at the registry"))
        except EngineUnavailable as e:
            if self.answers():  # it was only silent, as it is while it dials where nobody answers
                raise self._unreachable(registry, f"nothing came within {QUICK_SECONDS} s") from e
            raise
        error = " ".join(str(record["error"]) for record in told if "error" in record)
        if _ON_THE_WAY.search(error):
            raise self._unreachable(registry, error)

    def resolve(self, reference: str) -> dict[str, Any]:
        """Give an image's digest. Podman tells of a registry's image nothing before it has pulled it: so it is pulled.

        Raises:
            SourceError: the registry does not give it.
            EngineUnavailable: the engine went away.
        """
        self._fetch({"reference": reference})
        found = self.inspect(reference) or {}
        digests = [str(name).partition("@")[2] for name in found.get("RepoDigests") or ()]
        if not digests:
            raise SourceError(None, f"Podman pulled {reference} and tells no digest of it")
        return {"Descriptor": {"digest": digests[0]}, "Platforms": []}

    def pull(self, repository: str, digest: str, platform: str | None) -> Iterator[dict[str, Any]]:
        """Pull an image by its digest, signed in as the person is (`podman login`). There are no records of it.

        Raises:
            SourceError: the registry does not give it.
            EngineUnavailable: the engine went away.
        """
        system, _, architecture = (platform or "").partition("/")
        chosen = {"OS": system, "Arch": architecture.partition("/")[0]} if platform else {}
        self._fetch({"reference": f"{repository}@{digest}", **chosen})
        return iter(())

    def _fetch(self, query: dict[str, str]) -> None:
        api, url = self._streams, self._own("/images/pull")
        query |= insecure(query["reference"].partition("/")[0])
        for record in self._told(lambda: records(api, url, query, {}), "the pull"):
            if "error" in record:
                raise SourceError(None, str(record["error"]))

    def _own(self, path: str) -> str:
        """Give the address of a request of Podman's own API."""
        return f"{self._quick.base_url}/v{self._version}/libpod{path}"

    def _credentials(self, registry: str, username: str, password: str) -> dict[str, str]:
        from docker import auth

        encoded = auth.encode_header({"username": username, "password": password, "serveraddress": registry})
        return {"X-Registry-Auth": encoded.decode() if isinstance(encoded, bytes) else str(encoded)}


def insecure(registry: str) -> dict[str, str]:
    """Give the parameter that allows plain HTTP, for the registries for which Docker allows it by itself: loopback."""
    host = registry.rpartition(":")[0].strip("[]") if ":" in registry else registry
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = host == "localhost"
    return {"tlsVerify": "false"} if local else {}
