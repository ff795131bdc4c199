"""The data folder: what is in it, made with the permissions it must have, and recognised before anything is removed."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from loco_server import keys
from loco_server.records import migrating, schema
from loco_server.settings import Settings
from loco_spec.errors import Conflict, UsageError

OURS = frozenset({"server.lock", "loco.db", "keys", "run", "log", "edge", "registry", "backup", "backups"})
"""What loco writes into the folder; the database's own side files and Debian's lost+found aside."""


BACKUPS = 5
"""So many copies of records as they were before a migration are kept."""
SOCKET_PATH_MAX = 107
"""The longest path of a Unix socket on Linux (sun_path, less the ending zero)."""


def make(settings: Settings) -> None:
    """Make the folder and its parts, for its owner alone.

    Raises:
        UsageError: it cannot be made, its path is too long for sockets, or something else lives there.
    """
    data_dir = settings.data_dir
    for path in (
        settings.internal_socket,
        settings.admin_socket,
        settings.api_socket,
        settings.envoy_socket,
        settings.registry_socket,
    ):
        if len(os.fsencode(path)) > SOCKET_PATH_MAX:
            raise UsageError(
                f"the path {path} is too long for a Unix socket ({SOCKET_PATH_MAX} bytes at most)",
                hint="choose a shorter --data-dir",
            )
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        refuse_strange(data_dir)
        data_dir.chmod(0o700)
        for part in (settings.run_dir, settings.keys_dir, settings.log_dir):
            part.mkdir(mode=0o700, exist_ok=True)
            part.chmod(0o700)
    except OSError as e:
        raise UsageError(f"the data folder {data_dir} cannot be used: {e.strerror}", hint="--data-dir") from e


def claim(settings: Settings) -> None:
    """Once the folder is ours: remember that it serves the world, and let no `local` take it over by one wrong word.

    Raises:
        Conflict: it does, and this server would not.
    """
    mark = settings.run_dir / "public"
    if settings.public is not None:
        mark.write_text(settings.domain, encoding="utf-8")
    elif mark.exists():
        raise Conflict(
            f"{settings.data_dir} serves {mark.read_text(encoding='utf-8')} to the world (loco-server run)",
            hint=f"loco-server run; or another --data-dir; or, to end that for good: rm {mark}",
        )


def exists(data_dir: Path) -> bool:
    """Whether an installation was ever started in the folder."""
    return (data_dir / "loco.db").exists()


def refuse_strange(data_dir: Path) -> None:
    """Refuse a folder that holds what is not loco's: a slip in --data-dir must not cost anybody their files.

    Raises:
        UsageError: with the first of the strange names.
    """
    strange = sorted(
        path.name
        for path in data_dir.iterdir()
        if path.name not in OURS and not path.name.startswith("loco.db-") and path.name != "lost+found"
    )
    if strange:
        raise UsageError(
            f"{data_dir} holds what is not loco's ({strange[0]})", hint="choose an empty or new folder with --data-dir"
        )


def server_key(settings: Settings) -> bytes:
    """Give the server's own secret (32 bytes), made at the first start.

    Raises:
        Conflict: the file is damaged. Another secret would make every pull ticket worthless, so none is made.
    """
    try:
        return keys.server_key(settings.keys_dir / keys.SERVER_KEY)
    except ValueError as e:
        raise Conflict(str(e), hint="docs/operations.md tells what to back up and how to put it back") from e


def forget_sign_ins(settings: Settings) -> None:
    """Once the folder is ours: remove the proofs of sign-ins that a killed server left; they buy nothing any more."""
    shutil.rmtree(settings.login_dir, ignore_errors=True)


def migrate(settings: Settings, *, say: Callable[[str], None]) -> None:
    """Bring the records to this version's schema, and say so; a copy of the old ones is kept.

    Raises:
        Conflict: the records are a newer version's.
    """
    database = settings.data_dir / "loco.db"
    if database.exists():
        found, head = schema.revision(settings.database_url), schema.head()
        if found == head:
            return
        if found is not None:
            if not schema.is_known(found):
                raise _newer(f"the records in {settings.data_dir}", found)
            copy = keep_copy(database, settings.data_dir / "backups", found)
            say(f"migrating the records from schema {found} to {head}; a copy of the old ones: {copy}")
    schema.upgrade(settings.database_url)
    database.chmod(0o600)


def refuse_old(settings: Settings) -> None:
    """Let records be of this version's schema, or be none yet: then they are made.

    A machine that serves others is not migrated by a mere restart: its operator says when, and has a backup.

    Raises:
        Conflict: they are of another schema.
        LocoError: the database does not answer.
    """
    found, head = migrating.current(settings.database_url), schema.head()
    if found is None:
        schema.upgrade(settings.database_url)
        if settings.database is None:
            (settings.data_dir / "loco.db").chmod(0o600)
    elif not schema.is_known(found):
        raise _newer(f"the records in {_where(settings)}", found)
    elif found != head:
        raise Conflict(
            f"the records in {_where(settings)} have the schema {found}, and this loco needs {head}",
            hint="back them up, then: loco-server migrate"
            + (f" --data-dir {settings.data_dir}" if settings.database is None else ""),
        )


def _where(settings: Settings) -> str:
    return str(settings.data_dir) if settings.database is None else migrating.shown(settings.database)


def _newer(what: str, found: str) -> Conflict:
    return Conflict(
        f"{what} were written by a newer loco (schema {found})", hint="pip install --upgrade 'loco-deploy[server]'"
    )


def keep_copy(database: Path, folder: Path, revision: str) -> Path:
    """Copy the records as they are, for their owner alone; of such copies the newest are kept."""
    folder.mkdir(mode=0o700, exist_ok=True)
    target = folder / f"loco-{revision}-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}.db"
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    # By SQLite itself: what a killed server left in the write-ahead log is in the copy too.
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)
    # The time stands last in the name: the oldest come first.
    for old in sorted(folder.glob("loco-*.db"), key=lambda path: path.name.rpartition("-")[2])[:-BACKUPS]:
        old.unlink()
    return target
