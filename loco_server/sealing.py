"""How the values of variables are kept: sealed with AES-256-GCM to the one place where they belong. Pure.

A sealed value is `v1.<key id>.<base64(nonce, ciphertext, tag)>`. The app, the name and the version are authenticated
with it: moved to another row, or another version of its own, it cannot be opened.
"""

import base64
import binascii
import hashlib
import hmac
import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16
_FORMAT = "v1"
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,20}")


@dataclass(frozen=True)
class Key:
    id: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True)
class Place:
    """Where a value belongs."""

    app_id: str
    name: str
    version: int

    @property
    def authenticated(self) -> bytes:
        """One text for each place and no two places with the same: JSON quotes what could run together."""
        return json.dumps(["loco variable", self.app_id, self.name, self.version]).encode()


class UnreadableError(Exception):
    """A value cannot be opened: its key is not there, or it is not what was sealed for this place."""


class Keyring:
    """The keys that values are sealed with; the first seals, all of them open. A rotation changes it as it is used."""

    def __init__(self, keys: Iterable[Key] = ()) -> None:
        self._keys: tuple[Key, ...] = ()
        self._known: dict[str, Key] = {}
        self.adopt(keys)

    @property
    def keys(self) -> tuple[Key, ...]:
        return self._keys

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(key.id for key in self._keys)

    def adopt(self, keys: Iterable[Key]) -> None:
        """Use these from now on. What was sealed before and read a moment ago can still be opened."""
        self._keys = tuple(keys)
        self._known |= {key.id: key for key in self._keys}

    def seal(self, place: Place, value: str) -> tuple[str, str]:
        """Give the sealed value, and the id of the key that it was sealed with.

        Raises:
            UnreadableError: there is no key.
        """
        if not self._keys:
            raise UnreadableError("there is no key for variables")
        key = self._keys[0]
        nonce = os.urandom(_NONCE_BYTES)
        sealed = AESGCM(key.secret).encrypt(nonce, value.encode(), place.authenticated)
        return f"{_FORMAT}.{key.id}.{base64.b64encode(nonce + sealed).decode()}", key.id

    def open(self, place: Place, text: str) -> str:
        """Give the value.

        Raises:
            UnreadableError: for want of the key, or because it is not what was sealed here. It never holds the value.
        """
        what = f"variable {place.name}, version {place.version}, of app {place.app_id}"
        found = text.split(".")
        if len(found) != 3 or found[0] != _FORMAT:
            raise UnreadableError(f"{what}: this is not a sealed value")
        key = self._known.get(found[1])
        if key is None:
            raise UnreadableError(f"{what}: the key {found[1]} is not there")
        try:
            raw = base64.b64decode(found[2], validate=True)
            return AESGCM(key.secret).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], place.authenticated).decode()
        except (InvalidTag, ValueError) as e:  # ValueError: no base64, or too short
            raise UnreadableError(f"{what}: it is not what the key {key.id} sealed for this place") from e


def size(text: str) -> int:
    """Give how many bytes the value of a sealed text has, without opening it."""
    encoded = text.rpartition(".")[2]
    return len(encoded) // 4 * 3 - encoded.count("=") - _NONCE_BYTES - _TAG_BYTES


def digest_key(server_key: bytes) -> bytes:
    """Derive the key of shown digests from the installation's secret: the same after a rotation of the keys."""
    return HKDF(algorithm=hashes.SHA256(), length=KEY_BYTES, salt=None, info=b"loco variables: shown digest").derive(
        server_key
    )


def digest(key: bytes, app_id: str, name: str, value: str) -> str:
    """Give the 8 hex digits that people see of a value.

    The same value of the same variable shows the same ones, so that a change can be seen; of another variable, another
    app or another installation it shows different ones, so that nothing else can be learnt.
    """
    said = json.dumps([app_id, name]).encode() + b"\0" + value.encode()
    return hmac.new(key, said, hashlib.sha256).hexdigest()[:8]


def new_key(taken: Iterable[str] = ()) -> Key:
    """Make a key with the next free id: k1, k2 and so on."""
    numbers = [int(name[1:]) for name in taken if re.fullmatch(r"k[0-9]{1,9}", name)]
    return Key(f"k{max(numbers, default=0) + 1}", os.urandom(KEY_BYTES))


def written(keys: Iterable[Key]) -> str:
    """Give the text of a file of keys."""
    return "".join(f"{key.id}:{base64.b64encode(key.secret).decode()}\n" for key in keys)


def read(text: str) -> tuple[Key, ...]:
    """Read a file of keys: a line each, `k2:<base64 of 32 bytes>`, the first one seals; `#` begins a comment.

    Raises:
        ValueError: with the line's number and what is wrong with it, never with what stands there.
    """
    found: list[Key] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, _, encoded = (part.strip() for part in line.partition(":"))
        if _KEY_ID.fullmatch(name) is None:
            raise ValueError(f"line {number}: expected the key's id, a colon, and 32 bytes in base64")
        if name in {key.id for key in found}:
            raise ValueError(f"line {number}: the key {name} stands there twice")
        try:
            secret = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            secret = b""
        if len(secret) != KEY_BYTES:
            raise ValueError(f"line {number}: the key {name} is not {KEY_BYTES} bytes in base64")
        found.append(Key(name, secret))
    if not found:
        raise ValueError("there is no key in it")
    return tuple(found)
