"""The device flow (RFC 8628), mediated: the CLI shows a code to a person and asks the server; only the server has the
device code and what it buys. A device code is found by the sign-in that it was given for, and by nothing else.

Everything is kept in memory: a sign-in that was under way when the server ended is begun again. With a `Carrier` the
client carries what another server needs to go on with it.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from loco_server.identity.base import (
    Denied,
    Disabled,
    Done,
    Down,
    Expired,
    Identity,
    Outcome,
    Pending,
    Prompt,
    SlowDown,
    Wrong,
)
from loco_server.identity.carried import Carrier, own_id

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
INTERVAL = 5
"""What holds when a provider names none, and what a `slow_down` adds (RFC 8628, 3.2 and 3.5)."""
MOST_OPEN = 1000
"""Sign-ins under way; whoever begins more is not a crowd of people."""
_LONGEST = 1800


@dataclass(frozen=True)
class DeviceCode:
    """What a provider answers at the beginning."""

    code: str = field(repr=False)
    user_code: str
    verification_uri: str
    expires_in: int
    interval: int


@dataclass(frozen=True)
class Granted:
    """The person said yes: what may be asked about them, and with it."""

    token: str = field(repr=False)


@dataclass
class _Open:
    device: DeviceCode
    ends_at: float
    interval: int
    not_before: float
    granted: Granted | None = None
    busy: bool = False


class DeviceFlow(ABC):
    """`clock` counts seconds and knows no time of day: it does not matter which time it is here or there."""

    def __init__(self, *, carrier: Carrier | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._carrier = carrier
        self._clock = clock
        self._open: dict[str, _Open] = {}

    @abstractmethod
    async def begin(self) -> DeviceCode | Disabled | Down: ...

    @abstractmethod
    async def poll(self, device: DeviceCode, interval: int) -> Granted | Outcome: ...

    @abstractmethod
    async def who(self, granted: Granted) -> Identity | Outcome: ...

    async def start(self, login: str) -> Prompt | Disabled | Down:
        self._forget_old()
        if len(self._open) >= MOST_OPEN:
            return Down("too many people are signing in at this moment", retry_after=60)
        device = await self.begin()
        if not isinstance(device, DeviceCode):
            return device
        now = self._clock()
        self._open[login] = _Open(device, now + device.expires_in, device.interval, now + device.interval)
        carried = None
        if self._carrier is not None:
            carried = self._carrier.packed(login, device.code, device.expires_in, device.interval)
        return Prompt(
            expires_in=device.expires_in,
            user_code=device.user_code,
            verification_uri=device.verification_uri,
            interval=device.interval,
            login=carried,
        )

    async def finish(self, login: str, proof: str | None) -> Outcome:
        del proof  # the person proves it to the provider
        self._forget_old()
        login, carried = own_id(login), login
        found = self._open.get(login) or self._begun_elsewhere(carried)
        if found is None:
            return Expired()
        if found.busy or self._clock() < found.not_before:
            return SlowDown(found.interval)  # who asks too often is not passed on to the provider
        found.busy = True
        try:
            outcome = await self._ask(found)
        finally:
            found.busy = False
        if isinstance(outcome, Pending | SlowDown):
            found.interval = outcome.interval
        elif not isinstance(outcome, Down):
            del self._open[login]
        found.not_before = self._clock() + (outcome.retry_after if isinstance(outcome, Down) else found.interval)
        return outcome

    def _begun_elsewhere(self, carried: str) -> _Open | None:
        """Go on with what another server has begun. What has ended there has ended at the provider, too."""
        found = None if self._carrier is None else self._carrier.unpacked(carried)
        if found is None:
            return None
        code, left, interval = found
        now = self._clock()
        device = DeviceCode(code=code, user_code="", verification_uri="", expires_in=int(left), interval=interval)
        return self._open.setdefault(own_id(carried), _Open(device, now + left, interval, not_before=now))

    async def _ask(self, found: _Open) -> Outcome:
        if found.granted is None:
            answer = await self.poll(found.device, found.interval)
            if not isinstance(answer, Granted):
                return answer
            found.granted = answer  # the code is used up: what it bought is kept until it has told who it is
        identity = await self.who(found.granted)
        return Done(identity) if isinstance(identity, Identity) else identity

    def _forget_old(self) -> None:
        now = self._clock()
        for login, item in list(self._open.items()):
            if item.ends_at <= now and not item.busy:
                del self._open[login]


def device_code(answer: Mapping[str, Any], name: str, *, uri: str = "verification_uri") -> DeviceCode | Down:
    """Read a provider's first answer."""
    texts = [answer.get(key) for key in ("device_code", "user_code", uri)]
    if not all(isinstance(text, str) and text for text in texts):
        return Down(f"{name} answered with what is no device code")
    try:
        found = DeviceCode(
            code=answer["device_code"],
            user_code=answer["user_code"],
            verification_uri=answer[uri],
            expires_in=min(int(answer["expires_in"]), _LONGEST),
            interval=max(int(answer.get("interval", INTERVAL)), 1),
        )
    except (KeyError, TypeError, ValueError):
        return Down(f"{name} answered with what is no device code")
    return found


def poll_outcome(answer: object, name: str, *, member: str, interval: int) -> Granted | Outcome:
    """Read a poll: the token that `member` has, or an error (RFC 8628, 3.5, and what the two say beside it)."""
    if not isinstance(answer, dict):
        return Down(f"{name} answered with what is no outcome of a sign-in")
    granted = answer.get(member)
    if isinstance(granted, str) and granted:
        return Granted(granted)
    error = answer.get("error")
    if error == "authorization_pending":
        return Pending(interval)
    if error == "slow_down":
        wished = answer.get("interval")
        return SlowDown(max(wished if isinstance(wished, int) else 0, interval + INTERVAL))
    if error == "access_denied":
        return Denied()
    if error == "expired_token":
        return Expired()
    if error in {"incorrect_device_code", "invalid_grant"}:
        return Wrong()
    if error in DISABLED:
        return Disabled(f"{name} says {error}")
    return Down(f"{name} answered with what is no outcome of a sign-in")


DISABLED = frozenset(
    {
        "device_flow_disabled",
        "incorrect_client_credentials",
        "invalid_client",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
        "org_internal",
    }
)
