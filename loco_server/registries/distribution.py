"""CNCF Distribution (2.8 and 3), spoken to with short tokens that the server signs itself."""

import base64
import logging
import time
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives.serialization import Encoding
from joserfc import jwt
from joserfc.jwk import ECKey

from loco_server import keys
from loco_server.registries.api import RegistryApi

ISSUER = "loco"
SERVICE = "loco-distribution"
"""The audience of upstream tokens; the registry's configuration names it."""
_LIFETIME = 60
LOOK_SECONDS = 60.0
LOOK_TIMEOUT_SECONDS = 2.0
AGREES_SECONDS = 20.0
"""Distribution forgives a minute, and a `Date` has no fractions."""

log = logging.getLogger("loco.registry")


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
        self._ahead = 0.0
        """By so many seconds the registry's clock is ahead of this one; 0: they agree well enough."""
        self._looked_at = float("-inf")
        self._x5c = [base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()]

    async def authorization(self, repository: str, actions: tuple[str, ...]) -> str:
        """Sign one, from memory; the registry's clock is looked at once a minute."""
        if time.monotonic() - self._looked_at > LOOK_SECONDS:
            await self._look()
        now = int(time.time() + self._ahead)
        access = [{"type": "repository", "name": repository, "actions": list(actions)}] if actions else []
        claims = {"iss": ISSUER, "sub": "loco", "aud": SERVICE, "iat": now, "nbf": now, "exp": now + _LIFETIME}
        header = {"alg": "ES256", "typ": "JWT", "x5c": self._x5c}
        return f"Bearer {jwt.encode(header, claims | {'access': access}, self._key, algorithms=['ES256'])}"

    async def _look(self) -> None:
        """Learn the registry's time: it is the one that judges how old a token is, and may be on another machine."""
        self._looked_at = time.monotonic()
        try:
            answer = await self.client.get("/v2/", timeout=LOOK_TIMEOUT_SECONDS)
            theirs = parsedate_to_datetime(answer.headers["date"]).timestamp()
        except (httpx.HTTPError, KeyError, ValueError):
            return  # whoever wants something of it learns that it does not answer
        ahead = theirs - time.time()
        ahead = ahead if abs(ahead) > AGREES_SECONDS else 0.0
        if ahead and not self._ahead:
            log.warning("the registry's clock is %+.0f s from this server's: set them right", ahead)
        self._ahead = ahead
