"""`loco deploy --list-files`: what would be sent, without a server and without an engine."""

import json
import os
from pathlib import Path

import pytest

from loco_cli.command_line import run


@pytest.fixture(autouse=True)
def nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere")
    monkeypatch.setenv("LOCO_SERVER", "http://127.0.0.1:9")


@pytest.fixture
def context(tmp_path: Path) -> Path:
    folder = tmp_path / "app"
    (folder / "src" / "empty").mkdir(parents=True)
    (folder / "Dockerfile").write_text("FROM scratch\n")
    (folder / "src" / "main.py").write_bytes(b"x" * 1500)
    (folder / "src" / "link").symlink_to("main.py")
    (folder / ".dockerignore").write_text("secret\n")
    (folder / "secret").touch()
    return folder


def test_it_prints_path_and_size_sorted_and_the_total(context: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["deploy", "--list-files", str(context)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "       7 B  .dockerignore",
        "      13 B  Dockerfile",
        "            src/",
        "            src/empty/",
        "       0 B  src/link",
        "    1.5 KB  src/main.py",
        "    1.5 KB  in 3 files",
    ]


def test_as_json_it_is_one_object(context: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["deploy", "--list-files", "--json", str(context)]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    result = json.loads(out)["result"]
    assert result["total"] == 1520
    assert [item["path"] for item in result["files"]] == [
        ".dockerignore",
        "Dockerfile",
        "src",
        "src/empty",
        "src/link",
        "src/main.py",
    ]
    assert result["files"][-1] == {"path": "src/main.py", "kind": "file", "size": 1500}


def test_a_name_that_is_no_utf_8_is_shown_all_the_same(context: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path(os.fsdecode(os.fsencode(context) + b"/caf\xe9")).touch()
    assert run(["deploy", "--list-files", str(context)]) == 0
    assert "caf\N{REPLACEMENT CHARACTER}" in capsys.readouterr().out


def test_secrets_are_listed_not_refused(context: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (context / ".env").touch()
    assert run(["deploy", "--list-files", str(context)]) == 0
    assert " .env\n" in capsys.readouterr().out


def test_a_secret_stops_a_deploy_before_anything_is_asked(context: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (context / ".env").touch()
    assert run(["deploy", str(context)]) == 3
    assert "what looks like a secret: .env" in capsys.readouterr().err
