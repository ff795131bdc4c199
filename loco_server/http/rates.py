"""How often one may ask: an address before it is known who asks, a token after."""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import IPv6Address

from starlette.requests import Request

from loco_server.policy import tokens
from loco_server.policy.rate import KEYS_MOST, Buckets
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
        self._good: OrderedDict[str, None] = OrderedDict()

    def knock(self, address: str, *, signs_in: bool) -> None:
        """Count a request of which nothing is known yet.

        Raises:
            TooManyRequests: there were too many from there.
        """
        _refuse(self._of_address.take(address), "from your address")
        if signs_in:
            _refuse(self._tight.take(f"sign-in {address}"), "to sign in from your address")

    @contextmanager
    def token(self, address: str, text: str) -> Iterator[None]:
        """Look a token up inside; what does not let its holder in counts against the address.

        Where too many did not, no other is looked up, so that the answer tells nothing of it. Only a token that was
        good a while ago still is: whoever has it knew that, and one bad client does not lock out all at its address.

        Raises:
            TooManyRequests: too many tokens from there were no good.
        """
        digest, key = tokens.digest(text), f"token {address}"
        if digest not in self._good:
            _refuse(self._tight.wait(key), "with tokens that are no good from your address")
        try:
            yield
        except NotSignedIn:
            self._good.pop(digest, None)
            self._tight.take(key)
            raise
        self._good[digest] = self._good.pop(digest, None)
        if len(self._good) > KEYS_MOST:
            self._good.popitem(last=False)

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
