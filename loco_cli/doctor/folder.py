"""What is to be said of the folder: its loco.toml, its Dockerfile, and what of it is sent to the builder. Pure."""

from collections.abc import Iterable, Sequence

from loco_cli.build import files
from loco_cli.build.files import Entry
from loco_cli.dockerfile import Stage
from loco_cli.ui.results import Finding, FindingState
from loco_spec.kinds.service import Service
from loco_spec.toml import Loaded
from loco_spec.values import human_bytes

WASTE = frozenset({".git", "node_modules", ".venv", "venv", "__pycache__", ".tox", ".mypy_cache", ".terraform"})
"""Folders that are seldom meant: the build makes its own, or none."""


def toml(found: Loaded) -> Finding:
    if found.file is None:
        message = f"there is no loco.toml; the defaults make the app {found.app.name}"
        return Finding(name="loco.toml", state="ok", message=message)
    if not found.warnings:
        return Finding(name="loco.toml", state="ok", message=f"{found.file} is valid")
    detail = tuple(f"{each.file}:{each.line}: {each.path}: {each.message}" for each in found.warnings)
    more = f", and {len(detail) - 1} more" if len(detail) > 1 else ""
    first = found.warnings[0]
    message = f"{first.path}: {first.message}{more}"
    return Finding(name="loco.toml", state="note", message=message, fix="loco validate", detail=detail)


def dockerfile(path: str, stage: Stage, app: Service) -> Finding:
    """Judge by what it says what the gates would refuse, and what the health check would wait for in vain."""
    ports = [port.port for port in app.ports]
    detail = (f"base: {stage.base}", f"user: {stage.user}", f"exposes: {', '.join(map(str, stage.exposed))}")

    def finding(state: FindingState, message: str, fix: str = "") -> Finding:
        return Finding(name="Dockerfile", state=state, message=message, fix=fix, detail=detail)

    if stage.runs_as_root and app.security.user is None:
        fix = "USER 10001 in the Dockerfile, or user = 10001 under [security] in loco.toml"
        if stage.user is not None:
            return finding("wrong", f"{path} says USER {stage.user}, and loco runs nothing as root", fix)
        return finding("note", f"{path} has no USER: unless {stage.base} has one, it runs as root and is refused", fix)
    if stage.exposed and not set(stage.exposed) & set(ports):
        exposed = ", ".join(map(str, stage.exposed))
        message = f"{path} says EXPOSE {exposed}, and loco.toml says port {', '.join(map(str, ports))}"
        return finding("note", message, f"port = {stage.exposed[0]} in loco.toml, if the app listens there")
    return finding("ok", f"{path}, port {', '.join(map(str, ports))}")


def context(entries: Sequence[Entry], *, source: str | None, by_git: bool) -> Finding:
    """Judge what is sent to the builder; `source`: the ignore file; `by_git`: rules of git left something out."""
    size = files.size(entries)
    found = files.largest(entries)
    largest = [f"{path} {human_bytes(bytes_)}" for path, bytes_ in found]
    rules = source or ("no .dockerignore, so by .gitignore" if by_git else "no .dockerignore")
    count = sum(each.kind == "file" for each in entries)
    said = f"{human_bytes(size)} in {count} file{'s' if count != 1 else ''} ({rules})"
    detail = tuple(f"largest: {each}" for each in largest)
    waste = list(dict.fromkeys(_waste(entries)))
    named = next(iter([*waste, *(path for path, _ in found)]), "it")
    fix = f"name {named} in .dockerignore, where the build does not need it; loco deploy --list-files shows all"
    if waste:
        return Finding(
            name="context", state="note", message=f"{said}; {', '.join(waste[:3])} goes along", fix=fix, detail=detail
        )
    if size > files.LARGE_BYTES:
        message = f"{said}; the largest: {', '.join(largest[:3])}"
        return Finding(name="context", state="note", message=message, fix=fix, detail=detail)
    return Finding(name="context", state="ok", message=said, detail=detail)


def _waste(entries: Iterable[Entry]) -> Iterable[str]:
    for entry in entries:
        parts = entry.path.split("/")
        for at, part in enumerate(parts):
            if part in WASTE and (entry.kind == "folder" or at < len(parts) - 1):
                yield "/".join(parts[: at + 1]) + "/"
                break
