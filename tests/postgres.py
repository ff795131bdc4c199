"""A PostgreSQL of the tests' own: in a temporary folder, on a Unix socket alone, and never as root."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from loco_server.records import schema
from tests.waiting import eventually

FASTER = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200")
"""Nothing here has to outlive a loss of power."""


INITDB = ("-U", "loco", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
"""In the C locale: whatever this machine's is, names sort by their bytes."""


@dataclass(frozen=True)
class Postgres:
    folder: Path
    """Its socket is in it."""
    user: str

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://{self.user}@/{database}?host={self.folder}"

    def make(self, database: str, *, template: str = "template0") -> str:
        """Make a database; give its URL."""
        self.run(f'CREATE DATABASE "{database}" TEMPLATE "{template}"')
        return self.url(database)

    def drop(self, database: str) -> None:
        self.run(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')

    def run(self, statement: str) -> None:
        with psycopg.connect(host=str(self.folder), user=self.user, dbname="postgres", autocommit=True) as db:
            db.execute(statement.encode())


def programs() -> Path | None:
    """Give the folder with initdb: on PATH, or where Debian keeps it, the newest."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    every = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return every[-1].parent if every else None


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with running() as found:
        yield found


@contextmanager
def running() -> Iterator[Postgres]:
    """A server, and in it the database `migrated` to copy from."""
    bin_ = programs()
    assert bin_ is not None, "PostgreSQL is missing (on Debian, as root: apt-get install postgresql)"
    user = "postgres" if os.geteuid() == 0 else None  # the package makes this user; as root it refuses to run
    folder = Path(tempfile.mkdtemp(prefix="loco-pg-"))  # not under pytest's folder: that is root's alone
    if user is not None:
        shutil.chown(folder, user, user)
    data = folder / "data"
    try:
        argv = [f"{bin_}/initdb", "-D", f"{data}", *INITDB]
        subprocess.run(
            argv, check=True, capture_output=True, user=user, group=user, extra_groups=[] if user else None, cwd="/"
        )
        settings = [part for setting in FASTER for part in ("-c", setting)]
        with open(folder / "log", "wb") as log:
            server = subprocess.Popen(
                [bin_ / "postgres", "-D", data, "-k", folder, "-c", "listen_addresses=", *settings],
                stdout=log,
                stderr=log,
                user=user,
                group=user,
                extra_groups=[] if user else None,
                cwd="/",
            )
        try:
            found = Postgres(folder, "loco")
            eventually(lambda: _answers(server, found, folder / "log"))
            schema.upgrade(found.make("migrated"))
            yield found
        finally:
            server.send_signal(2)  # SIGINT, a fast shutdown: whoever is connected still is sent away
            server.wait(30)
    finally:
        shutil.rmtree(folder)


def _answers(server: subprocess.Popen[bytes], found: Postgres, log: Path) -> bool:
    assert server.poll() is None, log.read_text()
    try:
        psycopg.connect(host=str(found.folder), user=found.user, dbname="postgres").close()
    except psycopg.OperationalError:
        return False
    return True
