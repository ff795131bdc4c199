"""Databases that backups are made of and restored into, by the command as an operator types it."""

import json
import os
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from loco_server import main
from loco_server.local import folder
from loco_server.records import migrating
from loco_server.settings import Settings
from loco_spec import names
from tests.loco_server.records.test_schema import Rows, connected, reflected
from tests.postgres import Postgres

CLEARED = {"owner", "leased_until", "ticket_sha256", "ticket_expires_at", "attempt", "last_number"}
"""What a restore changes in rows."""


@dataclass
class Place:
    """A data folder, and perhaps a database beside it."""

    data_dir: Path
    database: str | None

    @property
    def url(self) -> str:
        return Settings(data_dir=self.data_dir, database=self.database).database_url

    @property
    def env(self) -> dict[str, str]:
        return {} if self.database is None else {migrating.VARIABLE: self.database}

    def argv(self, *argv: str | Path) -> list[str]:
        return ["loco-server", "admin", "--data-dir", str(self.data_dir), *map(str, argv)]


@dataclass
class Operator:
    monkeypatch: pytest.MonkeyPatch
    capfd: pytest.CaptureFixture[str]

    def __call__(self, place: Place, *argv: str | Path, code: int = 0) -> str:
        """Run the command in this process, look how it ends, and give what it said."""
        self.monkeypatch.setattr(sys, "argv", place.argv(*argv))
        self.monkeypatch.delenv(migrating.VARIABLE, raising=False)
        for name, value in place.env.items():
            self.monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            main.main()
        said = "".join(self.capfd.readouterr())
        assert (ended.value.code or 0) == code, said
        return said


Places = Callable[[str], Place]


def places(tmp_path: Path, request: pytest.FixtureRequest) -> Places:
    made: list[Path] = []

    def of(kind: str) -> Place:
        data_dir = tmp_path / f"data{len(made)}"
        folder.make(Settings(data_dir=data_dir))
        database = None
        if kind == "postgresql":
            postgres: Postgres = request.getfixturevalue("postgres")
            name = names.new_id()
            database = postgres.make(name)
            request.addfinalizer(lambda: postgres.drop(name))
        made.append(data_dir)
        return Place(data_dir, database)

    return of


def several(url: str, count: int) -> None:
    """Give the tables that `fill` filled so many more rows that hang together."""
    with connected(url) as db:
        by_name = {table.name: table for table in reflected(db)}
        app = dict(db.execute(by_name["apps"].select()).mappings().one())
        deployment = dict(db.execute(by_name["deployments"].select()).mappings().one())
        event = dict(db.execute(by_name["events"].select()).mappings().one())
        apps = [app | {"id": f"app{n:07}", "name": f"app-{n}"} for n in range(count)]
        deployments = [deployment | {"app_id": each["id"], "diagnosis": None} for each in apps]
        db.execute(insert(by_name["apps"]), apps)
        db.execute(insert(by_name["deployments"]), deployments)
        db.execute(insert(by_name["events"]), [event | {"app_id": each["id"]} for each in apps])
        db.commit()


def comparable(found: Rows) -> dict[str, list[dict[str, Any]]]:
    """Rows as both databases give them, without what a restore changes."""
    return {
        name: sorted(
            (
                {key: value.replace(tzinfo=None) if hasattr(value, "tzinfo") else value for key, value in row.items()}
                for row in ({key: value for key, value in row.items() if key not in CLEARED} for row in rows)
            ),
            key=repr,
        )
        for name, rows in found.items()
    }


def rewritten(source: Path, target: Path, change: Callable[[str, bytes], bytes | None]) -> Path:
    """Copy a backup, each part as `change` gives it back; None leaves it out."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = change(name, old.read(name))
            if content is not None:
                new.writestr(name, content)
    return target


def manifest(path: Path) -> Any:
    with zipfile.ZipFile(path) as file:
        return json.loads(file.read("manifest.json"))


def environment(place: Place) -> dict[str, str]:
    return {**os.environ, **place.env}
