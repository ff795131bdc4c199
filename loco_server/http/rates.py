"""How often one may ask: an address before it is known who asks, a token after."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import IPv6Address

from starlette.requests import Request

from loco_server.policy.rate import Buckets
from loco_server.settings import Limits
from loco_spec.errors import NotSignedIn, TooManyRequests

_TIGHT = 20
"""Sign-ins, and tokens that are no good, may be so many times rarer than other requests of an address."""
_ADDRESS_MOST = 60
"""Characters of what a proxy, or who poses as one, calls an address."""


class Rates:
    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        address, token = limits.requests_per_address, limits.requests_per_token
        tight = -(-address // _TIGHT)
        self._of_address = Buckets(address, max(address // 4, 1), clock)
        self._tight = Buckets(tight, tight, clock)
        self._of_token = Buckets(token, max(token // 5, 1), clock)

    def knock(self, address: str, *, signs_in: bool) -> None:
        """Count a request of which nothing is known yet.

        Raises:
            TooManyRequests: there were too many from there.
        """
        _refuse(self._of_address.take(address), "from your address")
        if signs_in:
            _refuse(self._tight.take(f"sign-in {address}"), "to sign in from your address")

    @contextmanager
    def token(self, address: str) -> Iterator[None]:
        """Look a token up inside; what does not let its holder in counts against the address.

        Where too many did not, whoever shows another is told to wait, whether it ended or never was. One that is good
        is let in all the same: a bad client must not keep out everybody at its address, and with 256 random bits in
        each token nobody finds one by asking.

        Raises:
            TooManyRequests: too many tokens from there were no good.
        """
        key = f"token {address}"
        wait = self._tight.wait(key)
        try:
            yield
        except NotSignedIn:
            self._tight.take(key)
            _refuse(wait, "with tokens that are no good from your address")
            raise

    def use(self, token_id: str) -> None:
        """Count a request of a token that is known to be good.

        Raises:
            TooManyRequests: there were too many with it.
        """
        _refuse(self._of_token.take(token_id), "with this token")

    def registry(self, address: str) -> int | None:
        """Count a registry client that asks for a token; give the seconds to wait where there were too many."""
        return self._of_address.take(f"registry {address}")


def network(request: Request) -> str:
    """Give where a request comes from. Whoever has one IPv6 address has the 2^64 beside it too: they count as one."""
    host = "" if request.client is None else request.client.host
    try:
        found = IPv6Address(host)
    except ValueError:
        return host[:_ADDRESS_MOST]
    return str(found.ipv4_mapped or f"{int(found) >> 64:x}::/64")


def _refuse(wait: int | None, which: str) -> None:
    if wait is not None:
        raise TooManyRequests(f"too many requests {which}", hint=f"the same again in {wait} s", retry_after=wait)
