"""What the operator decides about signing in: by whom people are known, who may sign up, whose jobs are believed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

from loco_server.reading import Reading, listed, secret
from loco_spec import references

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
ISSUERS: Mapping[str, str] = MappingProxyType(
    {"https://token.actions.githubusercontent.com": "github", "https://gitlab.com": "gitlab"}
)
"""Who signs the identities of CI jobs, and what kind of tokens they are."""
VARIABLES = frozenset(
    {
        "LOCO_SIGN_UP",
        "LOCO_SIGN_UP_DOMAINS",
        "LOCO_SIGN_UP_ORGANIZATIONS",
        "LOCO_ALLOWED_USERS",
        "LOCO_ALLOWED_REPOSITORIES",
        "LOCO_ALLOWED_IMAGES",
    }
)
"""Those that let somebody or something in."""
SIGN_UP_MODES = ("open", "invited", "domain", "organization")


@dataclass(frozen=True)
class GitHubSettings:
    client_id: str
    url: str = "https://github.com"
    api_url: str = "https://api.github.com"


@dataclass(frozen=True)
class GoogleSettings:
    client_id: str
    client_secret: str = field(repr=False)
    url: str = "https://oauth2.googleapis.com"
    issuer: str = "https://accounts.google.com"


@dataclass(frozen=True)
class SignUp:
    """Who may have an account, besides those who have one. An invitation opens every mode."""

    mode: str = "invited"
    """One of `SIGN_UP_MODES`."""
    domains: tuple[str, ...] = ()
    organizations: tuple[str, ...] = ()
    """GitHub's: names, or numeric ids, which nobody else can take over."""
    users: tuple[str, ...] = ()
    """Nobody else signs in, with an account neither: `github:583231`, verified e-mail addresses. Empty: anybody."""


@dataclass(frozen=True)
class IdentitySettings:
    github: GitHubSettings | None = None
    google: GoogleSettings | None = None
    sign_up: SignUp = field(default_factory=SignUp)
    issuers: Mapping[str, str] = field(default_factory=lambda: ISSUERS)
    """URL of an issuer → `github` or `gitlab`."""
    allowed_repositories: tuple[str, ...] = ()
    """Whose jobs may be trusted: `github:OWNER_ID`, `gitlab:NAMESPACE_ID/PROJECT_ID`. Empty, here and below: any."""
    allowed_images: tuple[str, ...] = ()
    """What `image` in loco.toml must be, or be under: `ghcr.io/acme`, `docker.io/library/python`."""


def identity_settings(
    environment: Mapping[str, str], reading: Reading | None = None, *, others: int = 0o077
) -> IdentitySettings:
    """Read the variables. Faults go to `reading`, where one is given.

    Args:
        environment: the variables.
        reading: who collects faults.
        others: the permission bits that a secret's file must not have.

    Raises:
        ValueError: one does not have the form it needs; the message names it.
    """
    collects = Reading() if reading is None else reading
    form = "github:OWNER_ID or gitlab:NAMESPACE_ID, each perhaps with /REPOSITORY_ID (a name can change hands)"
    found = IdentitySettings(
        github=collects.take(lambda: _github(environment), None),
        google=collects.take(lambda: _google(environment, others), None),
        sign_up=collects.take(lambda: _sign_up(environment), SignUp()),
        issuers=collects.take(lambda: _issuers(environment), ISSUERS),
        allowed_repositories=collects.take(
            lambda: _allowed(environment, "LOCO_ALLOWED_REPOSITORIES", _REPOSITORY, form), ()
        ),
        allowed_images=collects.take(lambda: _images(environment), ()),
    )
    if reading is None:
        collects.refuse()
    return found


def _github(environment: Mapping[str, str]) -> GitHubSettings | None:
    client_id = environment.get("LOCO_GITHUB_CLIENT_ID")
    if not client_id:
        return None
    url = _url(environment, "LOCO_GITHUB_URL", GitHubSettings.url)
    # A GitHub of one's own has its API under its own host.
    api_url = GitHubSettings.api_url if url == GitHubSettings.url else f"{url}/api/v3"
    return GitHubSettings(client_id, url, _url(environment, "LOCO_GITHUB_API_URL", api_url))


def _google(environment: Mapping[str, str], others: int) -> GoogleSettings | None:
    client_id = environment.get("LOCO_GOOGLE_CLIENT_ID")
    if not client_id:
        return None
    return GoogleSettings(
        client_id,
        _secret(environment, "LOCO_GOOGLE_CLIENT_SECRET_FILE", others),
        _url(environment, "LOCO_GOOGLE_URL", GoogleSettings.url),
        _url(environment, "LOCO_GOOGLE_ISSUER", GoogleSettings.issuer),
    )


def _images(environment: Mapping[str, str]) -> tuple[str, ...]:
    found = _allowed(environment, "LOCO_ALLOWED_IMAGES", re.compile("[^,]+"), "images, such as ghcr.io/acme")
    try:
        return tuple(map(references.prefix, found))
    except ValueError as e:
        raise ValueError(f"LOCO_ALLOWED_IMAGES: {e}") from e


def _sign_up(environment: Mapping[str, str]) -> SignUp:
    mode = environment.get("LOCO_SIGN_UP") or SignUp.mode
    if mode not in SIGN_UP_MODES:
        raise ValueError(f"LOCO_SIGN_UP is {mode!r}; it is one of {', '.join(SIGN_UP_MODES)}")
    form = "github:ID, google:ID and e-mail addresses (a login name can change hands)"
    found = SignUp(
        mode,
        domains=_list(environment, "LOCO_SIGN_UP_DOMAINS"),
        organizations=_list(environment, "LOCO_SIGN_UP_ORGANIZATIONS"),
        users=_allowed(environment, "LOCO_ALLOWED_USERS", _USER, form),
    )
    for name, values in (("domain", found.domains), ("organization", found.organizations)):
        if mode == name and not values:
            raise ValueError(f"LOCO_SIGN_UP_{name.upper()}S is empty, and LOCO_SIGN_UP={name} asks for it")
    return found


def _issuers(environment: Mapping[str, str]) -> Mapping[str, str]:
    found = dict(ISSUERS)
    for text in (environment.get("LOCO_OIDC_ISSUERS") or "").split(","):
        kind, _, url = text.strip().partition("=")
        if not kind:
            continue
        if kind not in ISSUERS.values():
            raise ValueError(f"LOCO_OIDC_ISSUERS is a list of github=URL and gitlab=URL, and has {text.strip()!r}")
        found[_checked("LOCO_OIDC_ISSUERS", url)] = kind
    return found


_USER = re.compile(r"(github|google):[0-9]+|[^@\s:/]+@[^@\s:/]+\.[^@\s:/]+", re.ASCII)
_REPOSITORY = re.compile(r"(github|gitlab):[0-9]+(/[0-9]+)?", re.ASCII)


def _allowed(environment: Mapping[str, str], name: str, each: re.Pattern[str], form: str) -> tuple[str, ...]:
    found = _list(environment, name)
    for text in found or environment.get(name, ""):  # commas alone are no list, and must not let everybody in
        if not each.fullmatch(text):
            raise ValueError(f"{name} is a list of {form}, and has {text!r}")
    return found


def _list(environment: Mapping[str, str], name: str) -> tuple[str, ...]:
    return listed(environment.get(name, "").lower())


def _url(environment: Mapping[str, str], name: str, default: str) -> str:
    return _checked(name, environment.get(name) or default)


def _checked(name: str, url: str) -> str:
    """Without TLS anybody on the way could be the one who says who people are."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:  # of an address in brackets
        raise ValueError(f"{name} is not an https:// URL: {url!r}") from None
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK)):
        raise ValueError(f"{name} is not an https:// URL: {url!r}")
    return url.rstrip("/")


def _secret(environment: Mapping[str, str], name: str, others: int) -> str:
    path = environment.get(name)
    if not path:
        raise ValueError(f"{name} is not set: Google asks for the client's secret, in a file of its own")
    return secret(name, Path(path), others=others)
