"""What the CLI remembers that is no secret: the server that is used by default, in `$XDG_CONFIG_HOME/loco/config.toml`.

server = "https://loco.example.com"
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from loco_spec.errors import UsageError

DEFAULT_SERVER = "http://127.0.0.1:7070"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def xdg(name: str, default: str, environment: Mapping[str, str] = os.environ) -> Path:
    """Give loco's folder under an XDG base folder (freedesktop.org, basedir-spec)."""
    base = environment.get(name)
    return (Path(base) if base else Path.home() / default) / "loco"


def config_file() -> Path:
    return xdg("XDG_CONFIG_HOME", ".config") / "config.toml"


@dataclass(frozen=True)
class Choice:
    """A value, and where it comes from: an error names the place."""

    value: str
    source: str


def server(flag: str | None = None, environment: Mapping[str, str] = os.environ) -> Choice:
    """Give the server to talk to: the flag, `$LOCO_SERVER`, the remembered one, this machine's.

    Raises:
        UsageError: it is no http(s) URL, or the file cannot be read.
    """
    if flag:
        return Choice(_checked(flag, "--server"), "--server")
    if environment.get("LOCO_SERVER"):
        return Choice(_checked(environment["LOCO_SERVER"], "LOCO_SERVER"), "LOCO_SERVER")
    path = config_file()
    if path.is_file():
        try:
            found = tomllib.loads(path.read_text(encoding="utf-8")).get("server")
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as e:
            raise UsageError(f"{path} cannot be read: {e}", hint="loco login --server URL, after removing it") from e
        if isinstance(found, str):
            return Choice(_checked(found, str(path)), str(path))
    return Choice(DEFAULT_SERVER, "the default")


def remember_server(url: str) -> None:
    """Make it the default from now on."""
    import tomli_w

    path = config_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(tomli_w.dumps({"server": url}), encoding="utf-8")
    fresh.replace(path)


def is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host in LOOPBACK or host.endswith(".localhost")


def not_a_server(text: str, source: str) -> UsageError:
    return UsageError(f"{source} is not a URL of a server: {text!r}", hint="write it as https://loco.example.com")


def _checked(text: str, source: str) -> str:
    try:
        parts = urlsplit(text)
        fits = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        password = parts.password is not None
    except ValueError:  # a port that is none, brackets without an address
        fits, password = False, "@" in text
    if password:  # not repeated, not remembered
        raise UsageError(
            f"{source} has a password in its URL, and a server takes none",
            hint="write it as https://loco.example.com; LOCO_TOKEN is for a token",
        )
    if not fits:
        raise not_a_server(text, source)
    return text.rstrip("/")
