"""`loco-server admin backup | restore`: the records, also of a server that runs; and for one that does not."""

import os
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel

from loco_server.local import archive, folder
from loco_server.local.lock import FolderTakenError, held
from loco_server.local.restoring import SKIPPED, Restored, restore
from loco_server.records import migrating, schema
from loco_server.sealing import Keyring, Place, UnreadableError
from loco_server.settings import Settings, default_data_dir
from loco_server.variable_keys import KeyFile
from loco_spec.errors import Conflict, NotFound, UsageError

Json = Annotated[bool, typer.Option("--json", help="One JSON object.")]


class Done(BaseModel):
    file: str
    where: str
    """Which database."""
    manifest: archive.Manifest
    missing_key_ids: tuple[str, ...] = ()
    """Keys that variables need, and that the server's file does not have, or has others by that name."""
    said: tuple[str, ...]
    """The same for people."""


def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A new file; - is the standard output.", metavar="FILE")],
    json: Json = False,
) -> None:
    """Write the records into one file, while the server runs or not: the data folder's, or LOCO_DATABASE_URL's.

    Images, keys, certificates, and what apps and builds said are not in it: loco docs operations.
    """
    settings, piped = _settings(context), str(file) == "-"
    file = file if piped else file.expanduser().absolute()
    where = _where(settings)
    if settings.database is None and not folder.exists(settings.data_dir):
        raise NotFound(f"there are no records in {settings.data_dir}", hint="--data-dir, or LOCO_DATABASE_URL")
    with migrating.told(where):
        found = archive.to_stdout(settings.database_url) if piped else archive.save(settings.database_url, file)
    said = [
        f"backed up {sum(part.rows for part in found.tables.values())} records of {where} (schema {found.db_schema})",
        "not in it: images, keys, certificates, containers, and what apps and builds said",
        f"next: keep {settings.keys_dir} apart from it, and copy the registry's storage",
    ]
    if found.key_ids:
        path = KeyFile(settings).path
        said.insert(2, f"its variables cannot be opened without {', '.join(found.key_ids)} of {path}")
    _tell(Done(file=str(file), where=where, manifest=found, said=tuple(said)), json=json, err=piped)


def restore_command(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="What `admin backup` has written.", metavar="FILE")],
    replace: Annotated[bool, typer.Option("--replace", help="Drop the records that are there.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Make the records from a backup, while no server has them: in the data folder, or at LOCO_DATABASE_URL.

    All of it or nothing. What one database has written the other one can be made from.
    """
    settings, file = _settings(context), file.expanduser().absolute()
    where = _where(settings)
    if settings.database is None:
        folder.make(settings)
    lock = held(settings.data_dir, api_url=settings.api_url) if settings.database is None else nullcontext()
    try:
        with lock, archive.opened(file) as found, migrating.told(where):
            made = f"{found.manifest.created_at:%Y-%m-%d %H:%M} UTC"
            if replace and not yes and not typer.confirm(f"Replace all records of {where} by those of {made}?"):
                raise typer.Exit(1)
            copy = _copy(settings) if replace else None
            done = restore(settings.database_url, found, replace=replace)
            if settings.database is None:
                (settings.data_dir / "loco.db").chmod(0o600)
    except FolderTakenError as e:
        raise Conflict(f"a loco-server serves {settings.data_dir}", hint="stop it, then restore") from e
    _tell(
        _restored(settings, done, Done(file=str(file), where=where, manifest=done.manifest, said=()), copy), json=json
    )


def _restored(settings: Settings, restored: Restored, done: Done, copy: Path | None) -> Done:
    manifest, key_file = restored.manifest, KeyFile(settings).path
    missing = _missing(settings, restored)
    rows, made = sum(part.rows for part in manifest.tables.values()), f"{manifest.created_at:%Y-%m-%d %H:%M} UTC"
    said = [
        f"restored {rows} records of {made} into {done.where} (schema {restored.schema})",
        *([f"a copy of those that were there: {copy}"] if copy else []),
        f"deployments that were under way go on: {restored.unfinished}; apps go on {SKIPPED} numbers later",
        "tokens, memberships and invitations are as they were then: take back again what was taken back since",
    ]
    if missing:
        said += [
            f"variables are sealed with keys that {key_file} does not have: {', '.join(missing)}",
            "next: put that file back; without it the server does not start",
        ]
    else:
        said += [
            *([f"{key_file} opens the variables"] if manifest.key_ids else []),
            f"next: put {settings.keys_dir} and the registry's storage back, where they are gone, and start the server",
        ]
    return done.model_copy(update={"missing_key_ids": missing, "said": tuple(said)})


def _missing(settings: Settings, restored: Restored) -> tuple[str, ...]:
    try:
        keyring = Keyring(KeyFile(settings).load(make=False))
    except UsageError:
        return tuple(restored.samples)
    return tuple(
        key_id
        for key_id, samples in restored.samples.items()
        if not any(_opens(keyring, place, value) for place, value in samples)
    )


def _opens(keyring: Keyring, place: Place, value: str) -> bool:
    try:
        keyring.open(place, value)
    except UnreadableError:
        return False
    return True


def _copy(settings: Settings) -> Path | None:
    """Keep what is about to be dropped; of PostgreSQL that is its operator's to do."""
    database = settings.data_dir / "loco.db"
    if settings.database is not None or not database.exists():
        return None
    return folder.keep_copy(database, settings.data_dir / "backups", schema.revision(settings.database_url) or "none")


def _settings(context: typer.Context) -> Settings:
    given = context.parent.params.get("data_dir") if context.parent else None
    url, secret_keys = os.environ.get(migrating.VARIABLE), os.environ.get("LOCO_SECRET_KEYS_FILE")
    return Settings(
        data_dir=(Path(given) if given else default_data_dir()).expanduser().absolute(),
        database=migrating.parsed(url).render_as_string(hide_password=False) if url else None,
        secret_keys=Path(secret_keys).expanduser().absolute() if secret_keys else None,
    )


def _where(settings: Settings) -> str:
    return migrating.shown(settings.database) if settings.database else str(settings.data_dir / "loco.db")


def _tell(done: Done, *, json: bool, err: bool = False) -> None:
    for line in [done.model_dump_json(exclude={"said"})] if json else done.said:
        typer.echo(line, err=err)
