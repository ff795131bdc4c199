"""`loco-server migrate`: what the operator of records on PostgreSQL types."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

import pytest

from loco_server import main
from loco_server.local import folder, lock
from loco_server.records import schema
from loco_server.settings import Settings
from loco_spec import names
from tests.e2e.searching import Search
from tests.e2e.watching import processes
from tests.postgres import Postgres


@pytest.fixture
def url(postgres: Postgres) -> Iterator[str]:
    name = names.new_id()
    yield postgres.make(name)
    postgres.drop(name)


def migrate(monkeypatch: pytest.MonkeyPatch, *argv: str) -> int:
    """Run the command in this process; give its exit code."""
    monkeypatch.setattr("sys.argv", ["loco-server", "migrate", *argv])
    with pytest.raises(SystemExit) as ended:
        main.main()
    return int(ended.value.code or 0)


def test_it_tells_from_where_to_where_and_then_that_there_is_nothing_to_do(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert migrate(monkeypatch, "--database-url", url) == 0
    assert capsys.readouterr().out == f"schema none → {schema.head()}\n"
    schema.differences(url)
    monkeypatch.setenv("LOCO_DATABASE_URL", url.replace("+psycopg", ""))
    assert migrate(monkeypatch) == 0
    assert capsys.readouterr().out == f"schema {schema.head()}: nothing to migrate\n"


def test_records_of_a_newer_version_are_refused(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(schema, "is_known", lambda _: False)
    schema.upgrade(url, "0001")
    assert migrate(monkeypatch, "--database-url", url) == 1
    assert "were written by a newer loco (schema 0001)" in capsys.readouterr().err
    assert schema.revision(url) == "0001"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("sqlite:///loco.db", "migrated by the server that has them"),
        ("mysql://loco@db/loco", "on PostgreSQL or SQLite, not mysql"),
        ("loco:hunter2@db", "the database URL cannot be read"),
        ("postgresql://loco:an@hunter2@db/loco", "the database URL cannot be read"),
        ("postgresql://loco:an@hunter:2@db/loco", "the database URL cannot be read"),
        ("postgresql://loco@db:hunter2/loco", "the database URL cannot be read"),
        ("postgresql:///loco?host=db&password=hunter2", "a password on the command line is seen by everybody"),
        ("postgresql://loco:hunter2@db/loco", "a password on the command line is seen by everybody"),
    ],
)
def test_a_url_that_will_not_do_is_refused_and_not_repeated(
    url: str, says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert migrate(monkeypatch, "--database-url", url) == 2
    said = capsys.readouterr().err
    assert says in said
    assert "hunter2" not in said
    assert "next: " in said


@pytest.mark.parametrize("form", ["loco:hunter2@/nowhere?host=", "loco@/nowhere?password=hunter2&host="])
def test_a_database_that_does_not_answer_is_named_without_its_password(
    form: str, postgres: Postgres, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOCO_DATABASE_URL", f"postgresql://{form}{postgres.folder}")
    monkeypatch.setenv("LOCO_DEBUG", "1")
    assert migrate(monkeypatch) == 1
    said = capsys.readouterr().err
    assert 'database "nowhere" does not exist' in said
    assert "hunter2" not in said


def test_a_user_who_may_not_make_tables_is_told(
    postgres: Postgres, url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reader = f"reader{names.new_id()}"
    postgres.run(f"CREATE ROLE {reader} LOGIN")
    assert migrate(monkeypatch, "--database-url", url.replace("loco@", f"{reader}@")) == 1
    assert "refused: permission denied for schema public" in capsys.readouterr().err


def test_records_in_a_data_folder_are_migrated_after_a_copy_while_nobody_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    there = ("--data-dir", str(settings.data_dir))
    folder.make(settings)
    schema.upgrade(settings.database_url, "0004")
    with lock.held(settings.data_dir, api_url="http://127.0.0.1:7070"):
        assert migrate(monkeypatch, *there) == 1
    assert "another loco-server serves" in capsys.readouterr().err
    assert migrate(monkeypatch, *there) == 0
    assert f"migrating the records from schema 0004 to {schema.head()}; a copy" in capsys.readouterr().out
    assert schema.revision(settings.database_url) == schema.head()
    assert len(list((settings.data_dir / "backups").iterdir())) == 1
    assert migrate(monkeypatch, *there) == 0
    assert capsys.readouterr().out == f"schema {schema.head()}\n"


def test_a_folder_without_records_is_told_as_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert migrate(monkeypatch, "--data-dir", str(tmp_path)) == 5
    assert f"there are no records in {tmp_path}" in capsys.readouterr().err


def test_a_password_is_in_no_word_of_the_command_whether_right_or_wrong(postgres: Postgres) -> None:
    """By a role that has one, asked for by the server: all others of the tests are trusted."""
    role, right = f"sealed{names.new_id()}", token_hex(16)
    postgres.run(f"CREATE ROLE {role} LOGIN PASSWORD '{right}'")
    postgres.run(f"CREATE DATABASE {role} OWNER {role}")
    access = postgres.folder / "data/pg_hba.conf"
    access.write_text(f"local all {role} scram-sha-256\n{access.read_text()}")
    postgres.run("SELECT pg_reload_conf()")
    search, watched = Search(), Path(sys.executable).with_name("loco-server")
    search.plant("password", right)
    with processes(watched) as running:
        for password, debug, code in ((f"{right}x", "0", 1), (f"{right}x", "1", 1), (right, "1", 0)):
            url = f"postgresql://{role}:{password}@/{role}?host={postgres.folder}"
            more = {"LOCO_DATABASE_URL": url, "LOCO_DEBUG": debug}
            argv = [str(watched), "migrate"]
            done = subprocess.run(argv, check=False, capture_output=True, text=True, env={**os.environ, **more})
            assert done.returncode == code, done.stderr
            search.keep("output", done.stdout + done.stderr)
    assert "authentication failed" in str(search.texts)
    running.tell(search)
    assert {each.place.split()[0] for each in search.findings()} == {"environment"}
