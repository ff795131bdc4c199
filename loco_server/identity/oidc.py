"""Identity tokens (OpenID Connect): JWTs that an issuer signs and everybody can check with the keys it publishes."""

import asyncio
import base64
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey

from loco_server.identity.base import Believed, Down, Unbelievable
from loco_server.identity.outside import Outside

ALGORITHMS = ["RS256", "ES256"]
"""Never what the token wishes for: `none`, or an HMAC with the public key as its secret."""
LEEWAY = 60
KEPT = 3600.0
"""Seconds after which keys are fetched anew: one that was withdrawn is not believed for ever."""
AGAIN = 60.0
"""An unknown key is a reason to look anew, but only once in so many seconds."""
_LARGEST = 16 << 10
_LATEST = 1e11


@dataclass
class _Keys:
    by_id: Mapping[str, RSAKey | ECKey] = field(default_factory=dict)
    fetched_at: float | None = None
    tried_at: float | None = None
    failed: Down | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Oidc:
    """Reads tokens of the issuers that are listed, and of nobody else.

    Args:
        issuers: what tokens say in `iss` → the URL under which `/.well-known/openid-configuration` is.
        clock: seconds since the epoch.
        timer: seconds, for the age of keys.
    """

    def __init__(
        self,
        issuers: Mapping[str, str],
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuers = issuers
        self._transport = transport
        self._clock = clock
        self._timer = timer
        self._keys = {url: _Keys() for url in issuers.values()}

    async def read(self, token: str) -> Believed | Unbelievable | Down:
        """Check signature, issuer and times. Its audience is the caller's to judge."""
        parsed = _unchecked(token)
        if parsed is None:
            return Unbelievable("this is no identity token")
        header, claims = parsed
        issuer = claims.get("iss")
        if not isinstance(issuer, str) or issuer not in self._issuers:
            return Unbelievable(f"this server does not believe the issuer {str(issuer)[:100]}")
        if header.get("alg") not in ALGORITHMS:
            return Unbelievable("the token is not signed with RS256 or ES256")
        kid = header.get("kid")
        if not isinstance(kid, str):
            return Unbelievable("the token does not say with which key it is signed")
        key = await self._key(self._issuers[issuer], kid)
        if isinstance(key, Down):
            return key
        if key is None:
            return Unbelievable("the token is signed with a key that its issuer does not publish")
        try:
            checked = jwt.decode(token, key, algorithms=ALGORITHMS)
        except (JoseError, ValueError, TypeError):
            return Unbelievable("the token is not signed by its issuer")
        reason = _untimely(checked.claims, self._clock())
        if reason is not None:
            return Unbelievable(reason)
        return Believed(issuer, checked.claims, ends_at=checked.claims["exp"] + LEEWAY)

    async def _key(self, url: str, kid: str) -> RSAKey | ECKey | Down | None:
        keys = self._keys[url]
        async with keys.lock:
            now = self._timer()
            stale = keys.fetched_at is None or now - keys.fetched_at >= KEPT
            may_ask = keys.tried_at is None or now - keys.tried_at >= AGAIN
            if (stale or kid not in keys.by_id) and may_ask:
                keys.tried_at = now
                found = await self._fetch(url)
                if isinstance(found, Down):
                    keys.failed = found
                else:
                    keys.by_id, keys.fetched_at, keys.failed = found, now, None
            if keys.failed is not None and (stale or kid not in keys.by_id):
                return keys.failed
            return keys.by_id.get(kid)

    async def _fetch(self, url: str) -> dict[str, RSAKey | ECKey] | Down:
        outside = Outside(url, self._transport)
        found = await outside.get(f"{url}/.well-known/openid-configuration")
        if isinstance(found, Down):
            return found
        document = found[1]
        keys_url = document.get("jwks_uri") if isinstance(document, dict) else None
        # The issuer that it says it is must be one that we asked here for; its keys travel as safely as itself.
        if not isinstance(keys_url, str) or self._issuers.get(str(document.get("issuer"))) != url:
            return Down(f"{url} does not describe the issuer that it should be")
        if urlsplit(keys_url).scheme != urlsplit(url).scheme:
            return Down(f"{url} publishes its keys unsafely")
        found = await outside.get(keys_url)
        if isinstance(found, Down):
            return found
        return _usable(found[1]) or Down(f"{url} publishes no keys")


def _usable(document: Any) -> dict[str, RSAKey | ECKey]:
    """Give the keys that can check signatures: one that is of no use here does not spoil the others."""
    found: dict[str, RSAKey | ECKey] = {}
    listed = document.get("keys") if isinstance(document, dict) else None
    for item in listed if isinstance(listed, list) else ():
        try:
            for key in KeySet.import_key_set({"keys": [item]}).keys:
                if isinstance(key, RSAKey | ECKey) and key.kid and item.get("use", "sig") == "sig":
                    found[key.kid] = key
        except (JoseError, ValueError, TypeError, KeyError, AttributeError):
            continue
    return found


def _unchecked(token: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """What a token says, believed by nobody yet: only to know whose keys to check it with."""
    parts = token.split(".")
    if len(parts) != 3 or len(token) > _LARGEST or not token.isascii():
        return None
    try:
        header, claims = (json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in parts[:2])
    except (ValueError, RecursionError):
        return None
    return (header, claims) if isinstance(header, dict) and isinstance(claims, dict) else None


def _untimely(claims: Mapping[str, Any], now: float) -> str | None:
    times: dict[str, float] = {}
    for name, default in (("exp", None), ("iat", 0), ("nbf", 0)):
        value = claims.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _LATEST:
            return f"the token's {name} is no time"
        times[name] = value
    if now >= times["exp"] + LEEWAY:
        return "the token has ended"
    if max(times["iat"], times["nbf"]) > now + LEEWAY:
        return "the token is of the future; look at the clocks"
    return None
