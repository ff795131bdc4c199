"""Tickets: what a client shows at the token endpoint to buy registry tokens. Pure."""

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Protocol

from loco_server.registries.base import Action

_KEY = re.compile(r"([a-z2-7]{10})-v([1-9][0-9]{0,8})")
_PULL = re.compile(r"pull-([a-z2-7]{10})")


@dataclass(frozen=True)
class Grant:
    """What a good ticket buys."""

    repository: str
    actions: tuple[Action, ...]
    deployment_key: str


class TicketBook(Protocol):
    async def grant(self, username: str, password: str) -> Grant | None:
        """Give what the ticket buys; None for a wrong, ended or unknown one."""
        ...


def deployment_key(app_id: str, number: int) -> str:
    """Name a deployment among all apps: the push ticket's username, and what its tokens carry."""
    return f"{app_id}-v{number}"


def pull_key(app_id: str, generation: int) -> str:
    """Name all pulls of an app by tickets of a generation: what their tokens carry."""
    return f"{pull_username(app_id)}-{generation}"


def pull_username(app_id: str) -> str:
    """Name an app's pull ticket."""
    return f"pull-{app_id}"


def parse_deployment_key(text: str) -> tuple[str, int] | None:
    match = _KEY.fullmatch(text)
    return None if match is None else (match[1], int(match[2]))


def parse_pull_username(text: str) -> str | None:
    match = _PULL.fullmatch(text)
    return None if match is None else match[1]


class PullTickets:
    """`HMAC(server key, app id, generation)`: nothing is stored, and a higher generation ends all before."""

    def __init__(self, server_key: bytes) -> None:
        self._key = server_key

    def make(self, app_id: str, generation: int) -> tuple[str, str]:
        """Give username and password."""
        return pull_username(app_id), self._password(app_id, generation)

    def check(self, app_id: str, generation: int, password: str) -> bool:
        return hmac.compare_digest(self._password(app_id, generation).encode(), password.encode())

    def _password(self, app_id: str, generation: int) -> str:
        return hmac.new(self._key, f"pull\0{app_id}\0{generation}".encode(), hashlib.sha256).hexdigest()
