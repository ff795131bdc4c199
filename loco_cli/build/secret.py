"""`--build-secret id=npm,src=.npmrc`: something that one step of a build may read and no image, log or argv has."""

import csv
import io
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from loco_spec.errors import UsageError

_FORM = "--build-secret id=NAME,src=FILE or id=NAME,env=VARIABLE"
_MOST_BYTES = 500 * 1024
"""BuildKit takes no larger ones."""


@dataclass(frozen=True)
class Secret:
    """Where a secret is, never what it is."""

    id: str
    src: Path | None = None
    env: str | None = None

    def option(self) -> str:
        """Give it as the docker CLI's `--secret` takes it: CSV, with a path that may have a comma."""
        found = io.StringIO()
        where = f"src={self.src}" if self.src is not None else f"env={self.env}"
        csv.writer(found, lineterminator="").writerow([f"id={self.id}", where])
        return found.getvalue()

    def value(self, environment: Mapping[str, str] = os.environ) -> str:
        """Read it, for one reason: to know what must not be in the log."""
        if self.src is not None:
            return self.src.read_text(encoding="utf-8", errors="replace")
        return environment.get(self.env or "", "")


def parse(given: Iterable[str], environment: Mapping[str, str] = os.environ) -> tuple[Secret, ...]:
    """Read the options.

    Raises:
        UsageError: another form, a file that cannot be read, a variable that is not set, an id twice.
    """
    found: dict[str, Secret] = {}
    for text in given:
        secret = _one(text, environment)
        if secret.id in found:
            raise UsageError(f"--build-secret gives {secret.id!r} twice", hint=_FORM)
        found[secret.id] = secret
    return tuple(found.values())


def _one(text: str, environment: Mapping[str, str]) -> Secret:
    fields = _fields(text)
    # What was typed is not repeated: who forgot the form may have typed the secret itself.
    if fields is None or not fields.get("id") or not set(fields) <= {"id", "src", "env"}:
        raise UsageError("a --build-secret does not have the form id=NAME,src=FILE or id=NAME,env=VARIABLE", hint=_FORM)
    name, src, env = fields["id"], fields.get("src"), fields.get("env")
    if (src is None) == (env is None):
        raise UsageError(f"--build-secret {name!r} needs either src=FILE or env=VARIABLE", hint=_FORM)
    if env is not None:
        if env not in environment:
            raise UsageError(f"--build-secret {name!r}: the variable {env} is not set", hint=f"export {env}=…")
        return Secret(name, env=env)
    path = Path(src or "").expanduser().absolute()
    try:
        size = path.stat().st_size
        with path.open("rb"):
            pass
    except OSError as e:
        reason = e.strerror or type(e).__name__
        raise UsageError(f"--build-secret {name!r}: {path}: {reason}", hint=_FORM) from e
    if size > _MOST_BYTES:
        raise UsageError(f"--build-secret {name!r}: {path} is larger than {_MOST_BYTES >> 10} KiB", hint=_FORM)
    return Secret(name, src=path)


def _fields(text: str) -> dict[str, str] | None:
    """Give the parts by name; None for what has another form."""
    found: dict[str, str] = {}
    for part in next(csv.reader([text], skipinitialspace=True), []):
        name, equals, value = part.partition("=")
        name = {"source": "src"}.get(name, name)
        if not equals or not value or name in found:
            return None
        if (name, value) not in {("type", "file"), ("type", "env")}:
            found[name] = value
    return found
