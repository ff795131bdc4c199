"""CNCF Distribution (2.8 and 3), spoken to with short tokens that the server signs itself."""

import base64
import time
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from joserfc import jwt
from joserfc.jwk import ECKey

from loco_server import keys
from loco_server.registries.api import RegistryApi

ISSUER = "loco"
SERVICE = "loco-distribution"
"""The audience of upstream tokens; the registry's configuration names it."""
_LIFETIME = 60


class Distribution(RegistryApi):
    """Loco's own registry: on this machine by its socket, in a cluster by its URL.

    Args:
        url: where it listens, `http://loco-registry.loco-system.svc:5000`; None: at the socket.
        socket: where it listens on one machine.
        ca_file: whose signature under its certificate is believed, for a URL with https.
        keys_dir: where the key and certificate of its tokens are, made at first use.
    """

    def __init__(
        self,
        *,
        url: str | None = None,
        socket: Path | None = None,
        ca_file: Path | None = None,
        keys_dir: Path,
        **_: Any,
    ) -> None:
        """Every member of the seam is offered what any of them needs (`**_`)."""
        super().__init__(url=url, socket=socket, ca_file=ca_file)
        key = keys.signing_key(keys_dir / keys.UPSTREAM_KEY)
        certificate = keys.certificate(keys_dir / keys.UPSTREAM_CERTIFICATE, key, ISSUER)
        self._key = ECKey.import_key(key)
        self._x5c = [base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()]

    async def authorization(self, repository: str, actions: tuple[str, ...]) -> str:
        """Sign one, from memory alone."""
        now = int(time.time())
        access = [{"type": "repository", "name": repository, "actions": list(actions)}] if actions else []
        claims = {"iss": ISSUER, "sub": "loco", "aud": SERVICE, "iat": now, "nbf": now, "exp": now + _LIFETIME}
        header = {"alg": "ES256", "typ": "JWT", "x5c": self._x5c}
        return f"Bearer {jwt.encode(header, claims | {'access': access}, self._key, algorithms=['ES256'])}"
