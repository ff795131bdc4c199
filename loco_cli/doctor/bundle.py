"""`loco doctor --bundle`: what was found, and what happened last, in one file for whoever helps; without secrets."""

import gzip
import io
import json
import os
import platform
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from loco_cli import dotenv_file
from loco_cli.client import apps, deployments, variables
from loco_cli.context import Context, Target
from loco_cli.doctor.looking import Looks
from loco_cli.doctor.redact import Redactor
from loco_cli.effective import HIDDEN, settings
from loco_cli.ui.errors import lines, never_served
from loco_cli.ui.results import Bundled
from loco_spec.api import Deployment
from loco_spec.errors import LocoError, UsageError
from loco_spec.suspicious import looks_secret
from loco_spec.toml import Loaded
from loco_spec.version import VERSION

DEPLOYMENTS = 10
WITH_EVENTS = 5
SECONDS = 30.0
"""For all that the server is asked of them."""
LINES = 500
"""The last of a deployment that failed."""
LEFT_OUT = (
    "values of variables, of [env] and of build arguments, and what is known or looks like a secret (***)",
    "the app's files, its image, and the log of its build",
    "the log of the server: it is the operator's",
)
_README = """\
Made by `loco doctor --bundle` ({version}), for whoever helps. In it:

{contents}

Left out:

{left_out}

What an app prints is its own: lines of its log were searched for secrets by their looks alone. Read them before you
give this away.
"""
_PUBLIC_VARIABLES = (
    "DOCKER_HOST",
    "DOCKER_CONTEXT",
    "DOCKER_BUILDKIT",
    "CI",
    "TERM",
    "LANG",
    "HTTPS_PROXY",
    "NO_PROXY",
)


def write(context: Context, looks: Looks, file: Path | None) -> Bundled:
    """Look at everything, and pack it; nobody but the person may read the file.

    Raises:
        UsageError: the file is there already, or cannot be written.
    """
    # By default not in this folder: it would be sent to the next build.
    path = file or Path(tempfile.gettempdir()) / f"loco-doctor-{datetime.now(UTC):%Y%m%d-%H%M%S}.tar.gz"
    parts, left_out = _Collected(context, looks).parts()
    parts["README.txt"] = _README.format(
        version=VERSION, contents="\n".join(sorted(parts)), left_out="\n".join(f"- {line}" for line in left_out)
    )
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
            opened.write(packed(parts))
    except FileExistsError as e:
        raise UsageError(f"{path} is there already", hint="loco doctor --bundle ANOTHER-FILE") from e
    except OSError as e:
        raise UsageError(f"{path} cannot be written: {e.strerror}", hint="loco doctor --bundle ANOTHER-FILE") from e
    contents = tuple(f"{name} ({len(text.encode())} bytes)" for name, text in sorted(parts.items()))
    return Bundled(file=str(path), contents=contents, left_out=left_out)


def packed(parts: Mapping[str, str]) -> bytes:
    """Give the archive: the same bytes for the same parts, whoever packs them, and when."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, text in sorted(parts.items()):
            content = text.encode(errors="replace")
            member = tarfile.TarInfo(f"loco-doctor/{name}")
            member.size, member.mode = len(content), 0o600
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(plain.getvalue(), mtime=0)


class _Collected:
    def __init__(self, context: Context, looks: Looks) -> None:
        self._context, self._looks = context, looks
        self._parts: dict[str, str] = {}
        self._left_out = list(LEFT_OUT)

    def parts(self) -> tuple[dict[str, str], tuple[str, ...]]:
        """Give the files by their names, redacted, and what is not among them."""
        examined = self._looks.examined()
        loaded, target = self._looks.loaded.so_far, self._looks.known_target
        names = [] if target is None else self._variables(target)
        redactor = Redactor(_known(self._context, loaded, names), names)
        found: dict[str, Any] = {
            "doctor.json": examined.model_dump(mode="json"),
            "environment.json": self._environment(),
        }
        if loaded is None:
            self._left_out.append("the configuration: loco.toml has faults, which are in doctor.json")
        else:
            found["config.json"] = configuration(loaded, self._context.server.value)
        if target is None:
            self._left_out.append("deployments: nobody is signed in to a server that answers")
        else:
            with self._context.http.until(time.monotonic() + SECONDS):
                self._try("deployments and events", lambda: found.update(self._deployments(target)))
        for name, value in found.items():
            safe = redactor.tree(value)
            self._parts[name] = safe if isinstance(safe, str) else json.dumps(safe, indent=1, ensure_ascii=False) + "\n"
        return self._parts, tuple(redactor.text(line) for line in self._left_out)

    def _variables(self, target: Target) -> list[str]:
        found: list[str] = []
        self._try(
            "names of variables",
            lambda: found.extend(
                each.name for each in variables.current(self._context.http, target.team, target.app).variables
            ),
        )
        return found

    def _environment(self) -> dict[str, Any]:
        server = self._looks.server.so_far
        about = self._looks.about.so_far or {}
        kept = ("ServerVersion", "OperatingSystem", "OSType", "Architecture", "Driver", "SecurityOptions", "NCPU")
        return {
            "loco": VERSION,
            "python": platform.python_version(),
            "system": platform.platform(),
            "server": None if server is None else server[0].model_dump(mode="json"),
            "engine": {key: about[key] for key in (*kept, "MemTotal", "DockerRootDir") if key in about},
            "variables": {name: os.environ[name] for name in _PUBLIC_VARIABLES if name in os.environ},
            "set": sorted(name for name in os.environ if name.startswith(("LOCO_", "DOCKER_"))),
        }

    def _deployments(self, target: Target) -> dict[str, Any]:
        http = self._context.http
        newest = deployments.newest(http, target.team, target.app, DEPLOYMENTS).deployments
        found: dict[str, Any] = {"deployments.json": [each.model_dump(mode="json") for each in newest]}
        for item in newest[:WITH_EVENTS]:
            events = deployments.events(http, item)
            found[f"events-v{item.number}.json"] = [each.model_dump(mode="json") for each in events]
        failed = next((item for item in newest if item.state == "failed"), None)
        if failed is not None:
            found[f"failed-v{failed.number}.txt"] = "\n".join(lines(never_served(failed))) + "\n"
            name = f"failed-v{failed.number}.log"
            self._try(f"the log of v{failed.number}", lambda: found.update({name: "".join(self._log(failed))}))
        return found

    def _log(self, item: Deployment) -> Iterator[str]:
        asked = apps.Asked(deployment=item.number, lines=LINES)
        for batch in apps.logs(self._context.http, item.team, item.app, asked):
            for line in batch.lines if batch is not None else ():
                yield f"{line.at} {line.instance} {line.stream} {line.text}\n"

    def _try(self, what: str, work: Callable[[], object]) -> None:
        """Do without what the server does not give."""
        try:
            work()
        except LocoError as e:
            self._left_out.append(f"{what}: {e.message}")


def configuration(loaded: Loaded, server: str) -> dict[str, Any]:
    """Give every key of loco.toml with where it came from; of variables and build arguments the names alone."""
    return {
        "server": server,
        "settings": [
            {
                "key": each.key,
                "value": HIDDEN if each.key.startswith(("env.", "build.args.")) else each.value,
                "source": each.source,
            }
            for each in settings(loaded)
        ],
    }


def _known(context: Context, loaded: Loaded | None, names: Sequence[str]) -> set[str]:
    """Give the values that this machine knows to be secret, or to be a variable's."""
    found = {value for name, value in os.environ.items() if name in names or looks_secret(name, value)}
    found -= {os.environ.get("PWD", "")}  # the folder, and nobody's password
    token = context.credentials.find(context.server.value)
    found |= set() if token is None else {token.text}
    if loaded is not None:
        found |= {*loaded.app.env.values(), *loaded.app.build.args.values()}
    for file in sorted(Path().glob(".env*")):
        try:
            found |= set(dotenv_file.read(file.read_bytes(), source=str(file), note=lambda _: None).values())
        except (LocoError, OSError):
            continue
    return found
