"""What an engine sees of a container: the same values whoever looked."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Protocol


class Given(Protocol):
    """What a container was given to run with: a Unit, or what its engine tells of it."""

    @property
    def memory_bytes(self) -> int: ...

    @property
    def user(self) -> int | None: ...

    @property
    def read_only(self) -> bool: ...


@dataclass(frozen=True)
class Ended:
    """How a container ended, from the engine's record."""

    exit_code: int
    out_of_memory: bool = False


@dataclass(frozen=True)
class Listener:
    """A socket that takes connections."""

    address: IPv4Address | IPv6Address
    port: int

    @property
    def loopback_only(self) -> bool:
        return self.address.is_loopback

    def __str__(self) -> str:
        host = f"[{self.address}]" if isinstance(self.address, IPv6Address) else str(self.address)
        return f"{host}:{self.port}"


@dataclass(frozen=True)
class Healthy:
    pass


@dataclass(frozen=True)
class Unreachable:
    """No connection, or no answer in time. `answered`: connected, but no HTTP came back."""

    port: int
    reason: str
    answered: bool = False


@dataclass(frozen=True)
class BadStatus:
    path: str
    status: int
    body: str | None
    """Its first bytes; None: nobody kept them."""
    reason: str = ""
    """The words after the number."""


@dataclass(frozen=True)
class ForeignRedirect:
    path: str
    status: int | None
    location: str


@dataclass(frozen=True)
class NotHttp:
    """Something else than HTTP came back. `tls`: it takes TLS."""

    port: int
    answer: str
    """Its first bytes, with what cannot be printed escaped."""
    tls: bool = False


Outcome = Healthy | Unreachable | BadStatus | ForeignRedirect | NotHttp
