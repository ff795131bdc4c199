"""Where tokens are kept: `$LOCO_TOKEN`, else the keyring, else a file that only its owner reads (0600).

One token a server. `LOCO_CREDENTIAL_STORE=file|keyring` names the store; the default tries the keyring for three
seconds (a locked one may block for ever) and falls back to the file, which is said once, when something is stored.
"""

import json
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from loco_cli.config import xdg
from loco_spec.errors import UsageError

KEYRING_SECONDS = 3.0
_SERVICE = "loco"


@dataclass(frozen=True)
class Token:
    text: str = field(repr=False)
    source: str
    """`LOCO_TOKEN`, `keyring`, or the file's path."""


class Credentials:
    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._environment = environment
        self._store = environment.get("LOCO_CREDENTIAL_STORE", "")
        if self._store not in {"", "file", "keyring"}:
            raise UsageError(f"LOCO_CREDENTIAL_STORE is {self._store!r}; it is file or keyring")
        self.path = xdg("XDG_STATE_HOME", ".local/state", environment) / "credentials.json"

    def find(self, server: str) -> Token | None:
        """Give the token for a server; None when there is none."""
        given = self._environment.get("LOCO_TOKEN", "").strip()  # a secret read from a file often ends with a line end
        if given:
            return Token(given, "LOCO_TOKEN")
        in_file = self._read().get(server)
        if in_file is not None:
            return Token(in_file, str(self.path))
        if self._store != "file":
            found = _in_time(lambda: _keyring().get_password(_SERVICE, server))
            if isinstance(found, str):
                return Token(found, "keyring")
        return None

    def keep(self, server: str, token: str) -> str:
        """Store a token; give where, for the person to be told.

        Raises:
            UsageError: the keyring was asked for by name and does not work.
        """
        if self._store != "file":
            if _in_time(lambda: _keyring().set_password(_SERVICE, server, token) or True):
                self._write({key: value for key, value in self._read().items() if key != server})
                return "the keyring"
            if self._store == "keyring":
                raise UsageError(
                    "the keyring does not answer, and LOCO_CREDENTIAL_STORE asks for it",
                    hint="unlock it, or set LOCO_CREDENTIAL_STORE=file",
                )
        self._write({**self._read(), server: token})
        return str(self.path)

    def forget(self, server: str) -> None:
        """Remove a server's token from wherever it is."""
        self._write({key: value for key, value in self._read().items() if key != server})
        if self._store != "file":
            _in_time(lambda: _keyring().delete_password(_SERVICE, server))

    def _read(self) -> dict[str, str]:
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
            return {str(key): str(value) for key, value in found["servers"].items()}
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except (OSError, ValueError) as e:
            raise UsageError(f"{self.path} cannot be read: {e}", hint="remove it, then: loco login") from e
        except (AttributeError, KeyError, TypeError) as e:
            raise UsageError(f"{self.path} is not loco's list of tokens", hint="remove it, then: loco login") from e

    def _write(self, servers: Mapping[str, str]) -> None:
        """Replace the file as a whole; remove it when nothing is left in it."""
        if not servers:
            self.path.unlink(missing_ok=True)
            return
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.parent.chmod(0o700)
        fresh = self.path.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump({"version": 1, "servers": dict(servers)}, file)
        fresh.replace(self.path)


def _keyring() -> Any:
    import keyring

    return keyring


def _in_time(work: Callable[[], Any]) -> Any:
    """Give the result, or None when the keyring fails or takes longer than it may. Its own faults are its own."""
    result: list[Any] = []

    def attempt() -> None:
        try:
            result.append(work())
        except Exception:  # noqa: BLE001  D-Bus, jeepney, KeyringError, whatever a backend raises
            result.append(None)

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(KEYRING_SECONDS)
    return result[0] if result else None
