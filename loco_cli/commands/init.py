"""`loco init`: the shortest loco.toml that is right for a folder, and a .dockerignore where there is none."""

from pathlib import Path
from typing import Annotated

import typer

from loco_cli import scaffold
from loco_cli.context import Context, opened
from loco_cli.options import Folder
from loco_cli.ui.results import Started
from loco_spec import names, paths, toml
from loco_spec.errors import UsageError

Force = Annotated[bool, typer.Option("--force", help="Write loco.toml anew where there is one.")]
Name = Annotated[str | None, typer.Option("--name", help="The app's name; default: the folder's.", metavar="NAME")]


def command(folder: Folder = Path(), name: Name = None, force: Force = False) -> None:
    """Write a loco.toml for the folder, from its Dockerfile and what else it holds.

    Examples:
        loco init
        loco init services/shop --name shop
    """
    with opened() as context:
        context.ui.result(run(context, folder, name=name, force=force))


def run(context: Context, folder: Path, *, name: str | None, force: bool) -> Started:
    """Look at the folder and write what is missing.

    Raises:
        UsageError: there is a loco.toml already, the name is none, or the folder cannot be written to.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder", hint="loco init FOLDER")
    file = folder / toml.FILE_NAME
    if file.exists() and not force:
        raise UsageError(f"there is a {file} already; nothing was written", hint="loco validate, or: loco init --force")
    if name is not None and not names.is_slug(name):
        raise UsageError(f'"{name}" is not a name of an app', hint=f"loco init --name {names.slugify(name)}")
    found = scaffold.look(folder)
    text = scaffold.config(
        found, name=name or names.slugify(folder.resolve().name), schema=context.server.value + paths.SCHEMA
    )
    toml.parse(text, default_name="app")  # what it writes is right, or nothing is written
    written = [_write(file, text)]
    ignore = folder / ".dockerignore"
    if not ignore.exists() and not (folder / "Dockerfile.dockerignore").exists():
        written.append(_write(ignore, scaffold.ignore(found)))
    following = "loco deploy" if (folder / "Dockerfile").is_file() else "write a Dockerfile, then: loco deploy"
    return Started(written=tuple(written), text=text, notes=found.notes, next=following)


def _write(file: Path, text: str) -> str:
    fresh = file.with_name(f"{file.name}.new")
    try:
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(file)
    except OSError as e:
        raise UsageError(f"{file} cannot be written: {e.strerror}", hint="see who may write in its folder") from e
    return str(file)
