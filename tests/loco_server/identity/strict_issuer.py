"""A strict issuer of identity tokens, in process: it publishes its keys, replaces them, and signs what it is told."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import httpx
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

GITHUB = "https://token.actions.githubusercontent.com"
GITLAB = "https://gitlab.com"
AUDIENCE = "https://loco.example.com"
IDS = {"repository_id": "74", "repository_owner_id": "65"}


@cache
def rsa(number: int) -> RSAKey:
    """Making one takes a while: the same ones for all tests."""
    return RSAKey.generate_key(2048, {"kid": f"rsa-{number}", "use": "sig"})


class Issuer:
    def __init__(self, url: str = GITHUB, *, clock: Callable[[], float]) -> None:
        self.url = url
        self.clock = clock
        self.name = url
        """What its document says that it is."""
        self.keys: list[RSAKey | ECKey] = [rsa(1)]
        self.asked: list[str] = []
        self.down = False
        self.keys_down = False
        self.more_keys: list[Any] = []
        self.keys_url = f"{url}/keys"
        self.beside: list[Issuer] = []
        """Other issuers on the same internet."""
        self._jti = 0

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self.answer)

    def answer(self, request: httpx.Request) -> httpx.Response:
        for other in self.beside:
            if str(request.url).startswith(other.url):
                return other.answer(request)
        self.asked.append(request.url.path)
        if self.down:
            raise httpx.ConnectError("refused")
        if str(request.url) == f"{self.url}/.well-known/openid-configuration":
            return httpx.Response(200, json={"issuer": self.name, "jwks_uri": self.keys_url})
        assert str(request.url) == f"{self.url}/keys"
        if self.keys_down:
            return httpx.Response(503)
        published = [key.as_dict(private=False) for key in self.keys]
        return httpx.Response(200, json={"keys": [*self.more_keys, *published]})

    @property
    def fetches(self) -> int:
        return self.asked.count("/keys")

    def rotate(self, *keys: RSAKey | ECKey) -> None:
        self.keys = list(keys)

    def claims(self, **changes: Any) -> dict[str, Any]:
        """What a push to main of acme/shop says; None takes a claim away."""
        self._jti += 1
        now = int(self.clock())
        said: dict[str, Any] = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "repo:acme/shop:ref:refs/heads/main",
            "jti": f"jti-{self._jti}",
            "iat": now,
            "nbf": now,
            "exp": now + 300,
            "repository": "acme/shop",
            **IDS,
            "ref": "refs/heads/main",
            "event_name": "push",
            "actor_id": "9",
        }
        return {name: value for name, value in {**said, **changes}.items() if value is not None}

    def token(
        self, *, key: RSAKey | ECKey | None = None, header: Mapping[str, Any] | None = None, **changes: Any
    ) -> str:
        """Sign with a key of its own, or with somebody else's."""
        signing = key or self.keys[0]
        alg = "ES256" if isinstance(signing, ECKey) else "RS256"
        full = {"alg": alg, "kid": signing.kid, "typ": "JWT", **(header or {})}
        return jwt.encode(full, self.claims(**changes), signing, algorithms=["RS256", "ES256"])


def part(value: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def signed(header: Mapping[str, Any], claims: Mapping[str, Any], key: RSAKey) -> str:
    """RS256 over whatever the header says, also where a library would not write it."""
    body = f"{part(header)}.{part(claims)}"
    signature = key.private_key.sign(body.encode(), padding.PKCS1v15(), hashes.SHA256())  # type: ignore[union-attr]
    return f"{body}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def unsigned(claims: Mapping[str, Any], *, kid: str, alg: str = "none") -> str:
    return f"{part({'alg': alg, 'kid': kid})}.{part(claims)}."


def signed_by_hmac(claims: Mapping[str, Any], *, kid: str, secret: bytes) -> str:
    """The public key, which everybody has, taken for a shared secret."""
    body = f"{part({'alg': 'HS256', 'kid': kid})}.{part(claims)}"
    signature = hmac.new(secret, body.encode(), hashlib.sha256).digest()
    return f"{body}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"
