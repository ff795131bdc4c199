"""Files whose names say that a secret is in them: baked into an image, it is in every layer and every registry.

A check that cries wolf is soon turned off. So a few names count only where the content does not show that it is
harmless: a bundle of public certificates, an `.npmrc` that holds nothing but settings.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from loco_cli.build import content, ignore
from loco_cli.build.files import Entry
from loco_cli.build.pattern import Pattern
from loco_spec.errors import ConfigError, SecretFilesFound

SHOWN = 5
_READ_BYTES = 1 << 20
"""Who has more to say than this does not prove to be harmless."""


def _only_public(text: bytes) -> bool:
    """A bundle of certificates, such as the one that certifi carries into every virtual environment."""
    return re.search(rb"-----BEGIN (TRUSTED |X509 )?(CERTIFICATE|PUBLIC KEY|RSA PUBLIC KEY)", text) is not None and (
        b"PRIVATE" not in text
    )


def _only_settings(text: bytes) -> bool:
    """`engine-strict=true`, `registry=https://…`: what many repositories commit. `${NPM_TOKEN}` names no value."""
    for raw in text.splitlines():
        line = raw.strip()
        if not line or line.startswith((b"#", b";")):
            continue
        key, equals, value = line.partition(b"=")
        secret = re.search(rb"auth|password|token|username|key|cert", key.lower()) is not None
        if not equals or b"@" in value.partition(b"://")[2] or (secret and not re.search(rb"^\s*\$\{\w+\}\s*$", value)):
            return False
    return True


def _no_credentials(text: bytes) -> bool:
    """`credentials.json` is a common name; Google's files of that name have one of these keys."""
    return re.search(rb'"(private_key|client_secret|refresh_token|aws_secret_access_key)"', text) is None


class Kind(NamedTuple):
    pattern: str
    """As in a .dockerignore."""
    reason: str
    harmless: Callable[[bytes], bool] | None = None


KINDS = (
    Kind("**/.env", "variables of a development machine, mostly with its keys"),
    Kind("**/.env.*", "the same for one environment: .env.production"),
    Kind("**/*.pem", "a private key, unless it is a certificate", _only_public),
    Kind("**/*.key", "a private key", _only_public),
    Kind("**/id_rsa", "an SSH key"),
    Kind("**/id_dsa", "an SSH key"),
    Kind("**/id_ecdsa", "an SSH key"),
    Kind("**/id_ed25519", "an SSH key"),
    Kind("**/*.p12", "a key with its certificate"),
    Kind("**/*.pfx", "a key with its certificate"),
    Kind("**/*.jks", "a Java key store"),
    Kind("**/kubeconfig", "the way into a cluster"),
    Kind("**/*.kubeconfig", "the way into a cluster"),
    Kind("**/.kube/config", "the way into a cluster"),
    Kind("**/.npmrc", "npm's registry tokens", _only_settings),
    Kind("**/.netrc", "passwords by host"),
    Kind("**/.pypirc", "PyPI's tokens"),
    Kind("**/.git-credentials", "passwords by host"),
    Kind("**/.docker/config.json", "registry passwords"),
    Kind("**/.aws/credentials", "AWS keys"),
    Kind("**/credentials.json", "a service account's key, or an OAuth client's", _no_credentials),
)
_EXAMPLES = ("**/.env.example", "**/.env.sample", "**/.env.template", "**/.env.dist")
"""They show which variables there are, without their values."""


def check(context: Path, found: Sequence[Entry], allow: Sequence[str]) -> None:
    """Stop at what looks like a secret.

    Args:
        context: the folder.
        found: what of it is sent.
        allow: patterns as in a .dockerignore: what they match is meant to be sent.

    Raises:
        SecretFilesFound: with the paths.
        ConfigError: an entry of `allow` is no pattern.
    """
    allowed = _allowed(allow)
    paths = [path for path in _suspects(context, found) if not allowed.ignores(path)]
    if paths:
        more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
        raise SecretFilesFound(
            f"the build context holds what looks like a secret: {', '.join(paths[:SHOWN])}{more}",
            hint="leave it out by a line in .dockerignore; if it is meant to be in the image, name it in loco.toml:"
            f' [build] allow = ["{paths[0]}"]',
        )


def _suspects(context: Path, found: Sequence[Entry]) -> Iterator[str]:
    named = _group(*(kind.pattern for kind in KINDS))
    examples = _group(*_EXAMPLES)
    repository = "//"
    for entry in found:
        path = entry.path
        if entry.kind == "folder" and path.rpartition("/")[2] == ".git" and not path.startswith(repository):
            repository = f"{path}/"
            yield path  # all that was ever committed and removed again; named once, not file by file
        elif entry.kind != "file" or path.startswith(repository) or not named.matches(path) or examples.matches(path):
            continue
        else:
            kind = next(kind for kind in KINDS if _group(kind.pattern).matches(path))
            if kind.harmless is None or not _proven(context, entry, kind.harmless):
                yield path


def _group(*patterns: str) -> ignore.Group:
    return ignore.Group([Pattern(pattern) for pattern in patterns], takes_back=False)


def _proven(context: Path, entry: Entry, harmless: Callable[[bytes], bool]) -> bool:
    return entry.size <= _READ_BYTES and harmless(b"".join(content.read(f"{context}/", entry)))


def _allowed(allow: Sequence[str]) -> ignore.Ignore:
    try:
        return ignore.Ignore(ignore.pattern(line) for line in allow)
    except ValueError as e:
        raise ConfigError(
            f"allow under [build] has an entry that is no pattern: {e}", hint="write it as in a .dockerignore"
        ) from e
