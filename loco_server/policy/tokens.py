"""The text of an opaque token: `loco_<kind>_<id>_<secret><checksum>`. Only its SHA-256 is stored. Pure."""

import hashlib
import hmac
import secrets
import zlib
from dataclasses import dataclass, field

from loco_spec import names

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET = 43  # base62 characters: 256 bits
_CHECKSUM = 6


@dataclass(frozen=True)
class NewToken:
    id: str
    text: str = field(repr=False)
    sha256: str = field(repr=False)


def new(kind: str) -> NewToken:
    """Make a token; `kind` is a word such as `session`."""
    token_id = names.new_id()
    secret = "".join(secrets.choice(_ALPHABET) for _ in range(_SECRET))
    body = f"loco_{kind}_{token_id}_{secret}"
    text = body + _checksum(body)
    return NewToken(id=token_id, text=text, sha256=digest(text))


def token_id(text: str) -> str | None:
    """Give the id inside a token; None for what cannot be one: no database is asked about a slip of the hand."""
    parts = text.split("_")
    if len(parts) != 4 or parts[0] != "loco" or not text.isascii():
        return None
    body, checksum = text[:-_CHECKSUM], text[-_CHECKSUM:]
    return parts[2] if hmac.compare_digest(checksum, _checksum(body)) else None


def digest(text: str) -> str:
    """Give the SHA-256 of a token, in hexadecimal: what is stored and compared."""
    return hashlib.sha256(text.encode()).hexdigest()


def matches(text: str, sha256: str) -> bool:
    return hmac.compare_digest(digest(text), sha256)


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode())
    found = ""
    for _ in range(_CHECKSUM):
        number, rest = divmod(number, len(_ALPHABET))
        found = _ALPHABET[rest] + found
    return found
