"""A sign-in that its client carries, sealed: where several servers serve, any of them can go on with it.

What is sealed is bound to the sign-in's own id. A client that alters it, or brings another's, brings nothing.
"""

import base64
import binascii
import json
import os
import time
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE_BYTES = 12
_MARK = "."


class Carrier:
    """`server_key` is the same for every server; `clock` is the time of day, which is nearly so."""

    def __init__(self, server_key: bytes, *, clock: Callable[[], float] = time.time) -> None:
        made = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"loco sign-ins under way").derive(server_key)
        self._seals = AESGCM(made)
        self._clock = clock

    def packed(self, login: str, code: str, expires_in: float, interval: int) -> str:
        """Give the id that the client goes on with."""
        nonce = os.urandom(_NONCE_BYTES)
        said = json.dumps([code, self._clock() + expires_in, interval]).encode()
        sealed = nonce + self._seals.encrypt(nonce, said, login.encode())
        return f"{login}{_MARK}{base64.urlsafe_b64encode(sealed).decode().rstrip('=')}"

    def unpacked(self, text: str) -> tuple[str, float, int] | None:
        """Give the device code, the seconds that are left, and the interval; None: it is not ours, or is over."""
        login, _, sealed = text.partition(_MARK)
        try:
            raw = base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))
            said = self._seals.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], login.encode())
        except (InvalidTag, ValueError, binascii.Error):
            return None
        code, ends_at, interval = json.loads(said)
        left = ends_at - self._clock()
        return (code, left, interval) if left > 0 else None


def own_id(text: str) -> str:
    """Give the id of a sign-in, whatever it carries."""
    return text.partition(_MARK)[0]
