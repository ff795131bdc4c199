"""A registry that lets nobody in without a token of its own token service (Harbor, GitLab), bought with an account.

How to buy one is the registry's own word: the challenge of its 401. What is bought is kept in memory for as long as it
is good, so that a push of a hundred requests costs one purchase.
"""

import asyncio
import base64
import json
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

import httpx

from loco_server.registries.api import RegistryApi
from loco_server.registries.base import RegistryDownError
from loco_server.registry_settings import LOOPBACK, password

KEPT = 1024
"""Tokens in memory; the one that was used longest ago goes first."""
USED_FOR = 0.8
"""Of its life: a request that begins with it must not see its end."""
BUY_SECONDS = 4.0
"""For challenge and purchase together: the gateway is asked to answer within 5 s."""
_SECONDS = 60
"""Of a token that does not say for how long it is good, by the token specification."""
_SECONDS_MOST = 3600
_FIELD = re.compile(r'([a-z]+)="([^"]*)"')


@dataclass(eq=False)
class _Purchase:
    """One that is under way, and what those who wait for it are told."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    failures: int = 0
    fault: str = ""


@dataclass(frozen=True)
class Challenge:
    """Where tokens are bought, and for which service. No realm: the account's name and secret themselves are taken."""

    realm: str | None
    service: str


class BoughtTokens(RegistryApi):
    """A registry with a token service.

    Args:
        url: of the registry.
        prefix: where its repositories may be.
        username: of the account there.
        password_file: its secret, read whenever a token is bought.
        ca_file: whose signature under the certificates of the registry and its token service is believed.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        *,
        url: str,
        prefix: str,
        username: str,
        password_file: Path,
        ca_file: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
        **_: Any,
    ) -> None:
        """Every member of the seam is offered what any of them needs (`**_`)."""
        super().__init__(url=url, ca_file=ca_file, prefix=prefix)
        self._username = username
        self._password_file = password_file
        self._clock = clock
        self._challenge: Challenge | None = None
        self._kept: OrderedDict[tuple[str, tuple[str, ...]], tuple[str, float]] = OrderedDict()
        self._buying: WeakValueDictionary[tuple[str, tuple[str, ...]], _Purchase] = WeakValueDictionary()
        self._shop: httpx.AsyncClient | None = None

    async def authorization(self, repository: str, actions: tuple[str, ...]) -> str:
        """Give one that is kept, or buy one; who wants the same meanwhile waits for it, and fails where it fails."""
        key = (repository, actions) if actions else ("", ())
        purchase = self._buying.setdefault(key, _Purchase())
        before = purchase.failures
        async with purchase.lock:
            kept = self._kept.get(key)
            if kept is not None and self._clock() < kept[1]:
                self._kept.move_to_end(key)
                return kept[0]
            if purchase.failures != before:  # while we waited; to wait as long again would be too long
                raise RegistryDownError(purchase.fault)
            asked_at = self._clock()
            try:
                found, seconds = await self._bought(*key)
            except RegistryDownError as e:
                purchase.failures, purchase.fault = purchase.failures + 1, str(e)
                raise
            self._kept[key] = found, asked_at + seconds * USED_FOR
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return found

    async def _bought(self, repository: str, actions: tuple[str, ...]) -> tuple[str, float]:
        try:
            async with asyncio.timeout(BUY_SECONDS):
                return await self._buy(repository, actions)
        except (httpx.HTTPError, TimeoutError) as e:
            raise RegistryDownError(f"the registry's token service does not answer: {e!r}") from e

    def refused(self) -> None:
        """Keep nothing: the registry has other keys, or tells of another token service."""
        self._kept.clear()
        self._challenge = None

    async def close(self) -> None:
        await super().close()
        if self._shop is not None:
            await self._shop.aclose()
            self._shop = None

    async def _buy(self, repository: str, actions: tuple[str, ...]) -> tuple[str, float]:
        """Give an `Authorization` and for how many seconds it is good."""
        if self._shop is None:
            self._shop = httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(verify=self._verify), timeout=BUY_SECONDS)
        if self._challenge is None:
            self._challenge = challenge(await self._shop.get(f"{self._url}/v2/"), self._url)
        try:
            account = self._username, password(self._password_file)
        except ValueError as e:
            raise RegistryDownError(str(e)) from e
        if self._challenge.realm is None:
            return f"Basic {base64.b64encode(':'.join(account).encode()).decode()}", _SECONDS
        scope = {"scope": f"repository:{repository}:{','.join(actions)}"} if actions else {}
        wanted = {"service": self._challenge.service, "client_id": "loco", **scope}
        answer = await self._shop.get(self._challenge.realm, params=wanted, auth=account)
        if answer.status_code in {401, 403}:
            raise RegistryDownError(
                f"the registry's token service refuses the account {self._username} ({answer.status_code}): "
                "LOCO_REGISTRY_USERNAME, LOCO_REGISTRY_PASSWORD_FILE"
            )
        if answer.status_code != 200:
            self._challenge = None
            raise RegistryDownError(f"the registry's token service answered {answer.status_code}")
        return _token(answer)


def challenge(answer: httpx.Response, url: str) -> Challenge:
    """Read what the registry says to somebody whom it does not know.

    Raises:
        RegistryDownError: it says something else, or names a place where the account's secret must not go.
    """
    text = answer.headers.get("www-authenticate", "")
    kind, _, rest = text.partition(" ")
    if answer.status_code != 401 or kind.lower() not in {"bearer", "basic"}:
        raise RegistryDownError(f"there is no registry with accounts at {url}: /v2/ answered {answer.status_code}")
    if kind.lower() == "basic":
        return Challenge(None, "")
    fields = dict(_FIELD.findall(rest))
    realm = fields.get("realm", "")
    parts = urlsplit(realm)
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)):
        raise RegistryDownError(f"the registry at {url} sells its tokens at {realm[:200]!r}, which is not https://")
    return Challenge(realm, fields.get("service", ""))


def _token(answer: httpx.Response) -> tuple[str, float]:
    """Read the token service's answer. No word of it goes into an error: it is a secret."""
    try:
        found = answer.json()
        token = found.get("token") or found.get("access_token")
        seconds = found.get("expires_in") or _life(token)
        if not isinstance(token, str) or not token.isascii() or not token.isprintable() or " " in token:
            raise ValueError("no token")
        return f"Bearer {token}", min(max(float(seconds), 0.0), _SECONDS_MOST)
    except (ValueError, TypeError, AttributeError):
        raise RegistryDownError("the registry's token service gave something that is not a token") from None


def _life(token: str) -> float:
    """Seconds that a token is good for by its own word (its clock may be another than ours); GitLab says no other."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return float(claims["exp"]) - float(claims.get("iat", claims.get("nbf")))
    except (IndexError, KeyError, ValueError, TypeError, AttributeError):
        return _SECONDS
