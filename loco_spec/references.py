"""References to images, as `docker pull` takes them: `ghcr.io/acme/shop:1.4`, `shop:dev`, `postgres@sha256:…`.

    reference = [domain "/"] path [":" tag] ["@" digest]
    domain    = host [":" port]           with a "." or a port in it, or localhost: else it is a part of the path
    path      = component *("/" component)
    component = a-z 0-9, joined by one ".", one or two "_", or any number of "-"
    tag       = at most 128 of A-Z a-z 0-9 "_" "." "-", the first no "." and no "-"

Without a domain it is Docker Hub's (`docker.io`), where a path of one component stands under `library/`.
"""

import re
from dataclasses import dataclass

DEFAULT_DOMAIN = "docker.io"
NAME_MAX = 255
_OLD_DOMAIN = "index.docker.io"
_LIBRARY = "library/"
_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?", re.ASCII)
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*", re.ASCII)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128}", re.ASCII)
_BARE_ID = re.compile(r"[a-f0-9]{64}", re.ASCII)


@dataclass(frozen=True)
class Reference:
    domain: str
    """The registry: `ghcr.io`, `127.0.0.1:5000`; `docker.io` where none was written."""
    path: str
    """In the registry, whole: `acme/shop`, `library/postgres`."""
    tag: str | None = None
    digest: str | None = None
    """With both the digest decides."""
    is_short: bool = False
    """No domain was written: it may as well be the name of an image that was only ever on this machine."""

    @property
    def name(self) -> str:
        """Without tag and digest, as people write it: `ghcr.io/acme/shop`, `postgres`."""
        if self.domain != DEFAULT_DOMAIN or not self.is_short:
            return f"{self.domain}/{self.path}"
        return self.path.removeprefix(_LIBRARY)

    @property
    def pulled(self) -> str:
        """What is asked of the registry: the digest, else the tag, else the tag `latest`."""
        return self.digest or self.tag or "latest"

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.name}{tag}{f'@{self.digest}' if self.digest else ''}"

    def is_under(self, prefix: str) -> bool:
        """Whether it is what `prefix` names, or stands under it, by whole parts of the path."""
        return f"{self.domain.lower()}/{self.path}/".startswith(f"{prefix}/")

    def at(self, wanted: str) -> str:
        """Name the image of that tag or digest in the same repository."""
        return f"{self.name}{'@' if ':' in wanted else ':'}{wanted}"


def parse(text: str) -> Reference:
    """Read a reference.

    Raises:
        ValueError: it is none; the message says which part is off.
    """
    rest, at, digest = text.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        raise ValueError(f'expected a digest after "@": sha256: and 64 of 0-9, a-f; not "{digest}"')
    domain, path, tag = _parts(rest)
    is_short = domain is None
    if _BARE_ID.fullmatch(rest):
        raise ValueError("expected a name; this is an image's id: docker tag it first")
    if domain is not None and not _DOMAIN.fullmatch(domain):
        raise ValueError(f'expected a registry before the first "/", such as "ghcr.io"; not "{domain}"')
    if tag is not None and not _TAG.fullmatch(tag):
        raise ValueError(f'expected a tag after ":": at most 128 of A-Z, a-z, 0-9, "_", ".", "-"; not "{tag}"')
    if path != path.lower():
        raise ValueError(f'expected lower case, such as "{path.lower()}"; not "{path}"')
    if not _PATH.fullmatch(path):
        raise ValueError(f'expected a name such as "ghcr.io/acme/shop:1.4", not "{text}"')
    domain = DEFAULT_DOMAIN if domain in {None, _OLD_DOMAIN} else domain
    if domain == DEFAULT_DOMAIN and "/" not in path:
        path = _LIBRARY + path
    if len(f"{domain}/{path}") > NAME_MAX:
        raise ValueError(f"expected at most {NAME_MAX} characters before the tag")
    return Reference(domain, path, tag, digest or None, is_short)


def prefix(text: str) -> str:
    """Give the normal form of a registry, or of a path in one, that references may stand under: `docker.io/library`.

    Raises:
        ValueError: it is none, or not written whole: `python` could be meant as an image and as a folder of them.
    """
    try:
        found = parse(f"{text}/x/x")  # what stands under it; alone a registry would be read as a name
        good = not found.is_short and found.path == found.path.lower()
    except ValueError:
        good = False
    if not good:
        raise ValueError(
            f'expected a registry, or a whole path in one without a tag, such as "{DEFAULT_DOMAIN}/library/python"; '
            f'not "{text}"'
        )
    return f"{found.domain.lower()}/{found.path}".removesuffix("/x/x")


def _parts(text: str) -> tuple[str | None, str, str | None]:
    """Give domain, path and tag as they stand: a ":" after the last "/" is a tag's, one before the first a port's."""
    first, slash, others = text.partition("/")
    has_domain = bool(slash) and (any(mark in first for mark in ".:") or first == "localhost" or first != first.lower())
    named = others if has_domain else text
    head, colon, tag = named.rpartition(":")
    path, found = (head, tag) if colon and "/" not in tag else (named, None)
    return first if has_domain else None, path, found
