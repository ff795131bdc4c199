"""The embedded default's sign-in: whoever can read the server's own files is its administrator.

The server writes a random proof into a file that only its own user can read (0600); the CLI reads it and sends it
back. Nothing lasting is stored, nothing is typed, and an app's container can do neither.
"""

import hmac
import secrets
import time
from collections.abc import Callable
from pathlib import Path

from loco_server.identity.base import Done, Expired, Identity, Outcome, Prompt, Wrong

EXPIRES_IN = 60
OPEN_AT_MOST = 100
"""Sign-ins under way at once. Anybody on the machine may begin one: the oldest gives way."""


class LocalIdentity:
    def __init__(self, folder: Path, *, user: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._user = user
        self._clock = clock
        self._open: dict[str, tuple[str, float]] = {}

    async def start(self, login: str) -> Prompt:
        self._forget_old()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        while len(self._open) >= OPEN_AT_MOST:
            self._forget(next(iter(self._open)))
        proof = secrets.token_urlsafe(32)
        path = self._folder / login
        path.touch(mode=0o600)
        path.write_text(proof, encoding="ascii")
        self._open[login] = (proof, self._clock() + EXPIRES_IN)
        return Prompt(expires_in=EXPIRES_IN, file=str(path))

    async def finish(self, login: str, proof: str | None) -> Outcome:
        self._forget_old()
        expected = self._open.pop(login, None)
        if expected is None:
            return Expired()  # `login` is the caller's word: no path is made of it before it is known
        (self._folder / login).unlink(missing_ok=True)
        if proof is None or not hmac.compare_digest(expected[0].encode(), proof.encode()):
            return Wrong()
        return Done(Identity(provider="local", subject=self._user, login=self._user))

    def _forget_old(self) -> None:
        now = self._clock()
        for login, (_, expires_at) in list(self._open.items()):
            if expires_at <= now:
                self._forget(login)

    def _forget(self, login: str) -> None:
        del self._open[login]
        (self._folder / login).unlink(missing_ok=True)
