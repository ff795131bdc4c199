"""Whether a context is what it was at the last build."""

import os
from pathlib import Path
from typing import Any

import pytest

from loco_cli.build import fingerprint
from loco_cli.build.files import entries
from loco_cli.build.fingerprint import Memories, Memory
from loco_cli.build.ignore import parse

INPUTS = {"context": "/src", "args": {"A": "1"}}


@pytest.fixture
def src(folder: Path) -> Path:
    (folder / "app.py").write_text("one")
    (folder / "link").symlink_to("app.py")
    return folder


def take(folder: Path, known: Memory | None = None, **inputs: Any) -> tuple[str, Memory]:
    """Give the fingerprint, and a memory of its files."""
    found, files = Memories({**INPUTS, **inputs}).fingerprint(folder, entries(folder, parse(""), []), known or Memory())
    return found, Memory(files=files)


def test_a_touched_file_is_the_same(src: Path) -> None:
    before, memory = take(src)
    os.utime(src / "app.py", (1, 1))
    assert take(src, memory)[0] == take(src)[0] == before


def test_other_content_of_the_same_size_is_another(src: Path) -> None:
    before, memory = take(src)
    (src / "app.py").write_text("two")
    os.utime(src / "app.py", (1, 1))
    assert take(src, memory)[0] == take(src)[0] != before


def test_a_file_replaced_by_another_of_the_same_size_and_time_is_another(src: Path) -> None:
    os.utime(src / "app.py", (1, 1))
    before, memory = take(src)
    (src / "new").write_text("two")
    os.utime(src / "new", (1, 1))
    (src / "new").replace(src / "app.py")
    assert take(src, memory)[0] != before


@pytest.mark.parametrize("what", ["mode", "target", "name", "more", "less", "args"])
def test_everything_else_that_the_image_could_depend_on_makes_another(src: Path, what: str) -> None:
    before, memory = take(src)
    inputs: dict[str, Any] = {}
    if what == "mode":
        (src / "app.py").chmod(0o700)
    elif what == "target":
        (src / "link").unlink()
        (src / "link").symlink_to("other")
    elif what == "name":
        (src / "app.py").rename(src / "app2.py")
    elif what == "more":
        (src / "empty").mkdir()
    elif what == "less":
        (src / "link").unlink()
    else:
        inputs["args"] = {"A": "2"}
    assert take(src, memory, **inputs)[0] != before


def test_a_file_that_is_as_remembered_is_not_read(src: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, memory = take(src)
    monkeypatch.setattr(fingerprint, "_sha256", None)
    assert take(src, memory)[0] == before


def test_what_is_kept_is_recalled_by_the_same_inputs_alone() -> None:
    memory = Memory("f", "sha256:1", {"http://x ann/shop": "sha256:2"}, {"a": [1, 2, 3, 4, "5"]})
    Memories(INPUTS).keep(memory)
    assert Memories(dict(reversed(INPUTS.items()))).recall() == memory
    assert Memories({**INPUTS, "args": {}}).recall() == Memory()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"colour": 1}', "null"])
def test_a_memory_that_is_spoilt_is_none(private_home: Path, content: str) -> None:
    Memories(INPUTS).keep(Memory("f"))
    [path] = private_home.rglob("builds/*.json")
    path.write_text(content)
    assert Memories(INPUTS).recall() == Memory()


def test_a_cache_that_cannot_be_written_fails_nothing(private_home: Path) -> None:
    (private_home / "xdg_cache_home").write_text("no folder")
    Memories(INPUTS).keep(Memory("f"))
    assert Memories(INPUTS).recall() == Memory()
