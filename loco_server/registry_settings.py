"""Which registry keeps the images, where it is, and the account that loco has there.

The secret itself stands in a file: an environment is inherited, shown by `ps` and written into crash reports.
"""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from loco_server.reading import secret

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_PREFIX = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*", re.ASCII)
_PREFIX_MAX = 120
"""Of the 255 characters that a repository's name may have: a team's and an app's come after it."""
_DEPTH = {"harbor": (1, "its project: library"), "gitlab": (2, "its project's path: group/project")}
"""A member with an account of its own → how many parts its prefix has at least, and which."""


@dataclass(frozen=True)
class RegistrySettings:
    member: str = "distribution"
    url: str | None = None
    """None: Distribution at its socket on this machine."""
    prefix: str = ""
    """What each repository's name has there before ours."""
    username: str = ""
    password_file: Path | None = None
    ca_file: Path | None = None
    """PEM: whose signature under the registry's certificate is believed; None: those that this machine believes."""


def registry_settings(environment: Mapping[str, str]) -> RegistrySettings:
    """Read `LOCO_REGISTRY`, `LOCO_REGISTRY_URL`, `…_PREFIX`, `…_USERNAME`, `…_PASSWORD_FILE` and `…_CA_FILE`.

    Raises:
        ValueError: one does not have the form it needs; the message names it.
    """
    member = environment.get("LOCO_REGISTRY") or RegistrySettings.member
    names = ("URL", "PREFIX", "USERNAME", "PASSWORD_FILE", "CA_FILE")
    url, prefix, username, file, authorities = (environment.get(f"LOCO_REGISTRY_{name}") or "" for name in names)
    found = RegistrySettings(
        member,
        _url(url) if url else None,
        prefix.strip("/"),
        username,
        Path(file).expanduser().absolute() if file else None,
        _authorities(Path(authorities).expanduser().absolute()) if authorities else None,
    )
    if member in _DEPTH:
        _see_account(found)
    elif member != RegistrySettings.member:
        there = ", ".join(sorted([RegistrySettings.member, *_DEPTH]))
        raise ValueError(f"LOCO_REGISTRY is {member!r}; it is one of {there}")
    elif prefix or username or file:
        raise ValueError("LOCO_REGISTRY is distribution, which takes no account: its tokens are our own")
    return found


def password(path: Path) -> str:
    """Read the secret of the account. It is read again whenever it is used: a new one needs no restart.

    Raises:
        ValueError: the file is not there, is empty, or others can read it.
    """
    # Its group may read: so the volume of a Secret has it.
    return secret("LOCO_REGISTRY_PASSWORD_FILE", path, others=0o027)


def _see_account(found: RegistrySettings) -> None:
    depth, example = _DEPTH[found.member]
    for name, value in (
        ("LOCO_REGISTRY_URL", found.url),
        ("LOCO_REGISTRY_PREFIX", found.prefix),
        ("LOCO_REGISTRY_USERNAME", found.username),
        ("LOCO_REGISTRY_PASSWORD_FILE", found.password_file),
    ):
        if not value:
            raise ValueError(f"{name} is not set, and LOCO_REGISTRY={found.member} asks for it")
    parts = urlsplit(found.url or "")
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise ValueError(f"LOCO_REGISTRY_URL is not an https:// URL: {found.url!r}; the account's secret goes there")
    if not _PREFIX.fullmatch(found.prefix) or len(found.prefix) > _PREFIX_MAX or found.prefix.count("/") + 1 < depth:
        raise ValueError(
            f"LOCO_REGISTRY_PREFIX is {found.prefix!r}; for {found.member} it is {example}, in small letters"
        )
    if found.password_file is not None:
        password(found.password_file)


def _authorities(path: Path) -> Path:
    try:
        ssl.create_default_context(cafile=str(path))
    except (OSError, ssl.SSLError) as e:
        raise ValueError(f"LOCO_REGISTRY_CA_FILE: {path} holds no certificates that can be read: {e}") from e
    return path


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        plain = not (parts.query or parts.fragment or parts.username or parts.path.strip("/"))
        good = bool(parts.hostname) and parts.scheme in {"http", "https"} and (parts.port or 1) > 0 and plain
    except ValueError:  # of the port, or of an address in brackets
        good = False
    if not good:
        raise ValueError("LOCO_REGISTRY_URL is not a URL of scheme, host and port alone: https://harbor.example.com")
    return text.rstrip("/")
