"""How a registry describes images: media types, and what is believed of manifests and other documents."""

import json
import re
from collections.abc import Mapping
from typing import Any

import httpx

from loco_server.registries.base import ImageMissingError

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
ACCEPT = {"Accept": ", ".join(_MANIFESTS + INDEXES)}
_DOCUMENT_BYTES = 4 << 20


def only_image(index: Mapping[str, Any]) -> str:
    """Give the digest of the one image in an index; what tells about an image (attestations) is passed over."""
    found = []
    for entry in index.get("manifests") or ():
        platform = entry.get("platform") if isinstance(entry, dict) else None
        if isinstance(entry, dict) and (platform or {}).get("os") != "unknown":
            found.append(entry.get("digest"))
    if len(found) != 1 or not is_digest(found[0]):
        raise ImageMissingError(f"it is an index of {len(found)} images; build for one platform")
    return str(found[0])


def is_digest(text: object) -> bool:
    return isinstance(text, str) and _DIGEST.fullmatch(text) is not None


def descriptor(entry: Mapping[str, Any]) -> tuple[str, int]:
    """Give a blob's digest and size in bytes.

    Raises:
        KeyError, ValueError: it is no descriptor.
    """
    digest, size = entry["digest"], entry["size"]
    if not is_digest(digest) or not isinstance(size, int) or size < 0:
        raise ValueError("not a descriptor")
    return digest, size


async def limited(answer: httpx.Response) -> bytes:
    """Read a document, of no more than any has."""
    text = b""
    async for piece in answer.aiter_bytes():
        text += piece
        if len(text) > _DOCUMENT_BYTES:
            raise ImageMissingError(f"a document of the image is larger than {_DOCUMENT_BYTES} bytes")
    return text


def json_object(text: bytes) -> dict[str, Any]:
    """Read a document that is one JSON object."""
    try:
        found = json.loads(text)
    except ValueError as e:
        raise ImageMissingError("a document of the image is not JSON") from e
    if not isinstance(found, dict):
        raise ImageMissingError("a document of the image is not a JSON object")
    return found
