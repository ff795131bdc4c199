"""Names: slugs of apps and teams, hosts, and what is derived from them on every engine."""

import re
import secrets
import unicodedata

APP_NAME_MAX = 40
LABEL_PREFIX = "loco/"
"""Before every label that loco puts on a container, a network or a Kubernetes object."""

RESERVED_HOSTS = frozenset({"api", "registry", "www", "admin", "loco"})

_SLUG = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_ID_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
# Characters that people take for one another; a host is compared in this folded form with the reserved ones.
_LOOK_ALIKE = str.maketrans({"0": "o", "1": "l", "i": "l", "3": "e", "4": "a", "5": "s", "-": None})


def new_id() -> str:
    """Ten random base32 characters (50 bits): the id of an app, a team or a user, never reused."""
    return "".join(secrets.choice(_ID_ALPHABET) for _ in range(10))


def is_slug(text: str) -> bool:
    """Whether the text is a name of an app or a team: a-z, 0-9 and inner dashes, a letter first, at most 40."""
    return len(text) <= APP_NAME_MAX and _SLUG.fullmatch(text) is not None


def slugify(text: str, *, fallback: str = "app") -> str:
    """Make a slug of any text: accents dropped, other characters become dashes, cut at 40. A slug stays as it is."""
    if is_slug(text):
        return text
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    slug = re.sub(r"^[0-9-]+", "", slug)[:APP_NAME_MAX].strip("-")
    return slug or fallback


def is_host(text: str) -> bool:
    """Whether the text is a label (`shop`) or a domain name (`shop.example.com`), lower case (RFC 1123)."""
    return len(text) <= 253 and all(_LABEL.fullmatch(label) for label in text.split("."))


def is_reserved_host(label: str) -> bool:
    """Whether a label under the platform's domain is kept for the platform, or looks like one that is."""
    folded = label.translate(_LOOK_ALIKE)
    return any(folded == reserved.translate(_LOOK_ALIKE) for reserved in RESERVED_HOSTS)


def repository(team: str, app: str, app_id: str) -> str:
    """Where an app's images are kept in the registry: `<team>/<app>-<hash>`."""
    return f"{team}/{app}-{app_id}"


def namespace(app: str, app_id: str) -> str:
    """The app's Kubernetes namespace: `loco-app-<app>-<hash>`, at most 63 characters."""
    return f"loco-app-{app[:40]}-{app_id}"


def host_variable(app: str, suffix: str) -> str:
    """The injected variable that tells where a team's other app answers: `LOCO_APP_<NAME>_<HOST|PORT>`."""
    return f"LOCO_APP_{app.upper().replace('-', '_')}_{suffix}"
