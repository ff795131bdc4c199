"""The fingerprint changes with what an image could see and with nothing else; no file is read without need."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from loco_cli.build import content, files
from loco_cli.build.files import Entry
from loco_cli.build.fingerprint import Memories, Memory
from loco_cli.build.index import Index

LATER_NS = 10**9 * 3600
"""The clock is put forward by so much, so that a file that was just written counts as old."""


@pytest.fixture
def context(tmp_path: Path) -> Path:
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM scratch\n")
    (folder / "file").write_text("123")
    (folder / "folder").mkdir()
    (folder / "link").symlink_to("file")
    return folder


class Taker:
    """Takes fingerprints and counts what is read for them."""

    def __init__(self, context: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.context = context
        self.read: list[str] = []
        real = content.read

        def read(root: str, entry: Entry) -> object:
            self.read.append(entry.path)
            return real(root, entry)

        monkeypatch.setattr(content, "read", read)

    def __call__(self, *, later_ns: int = LATER_NS, **inputs: str) -> str:
        self.read.clear()
        rules = files.rules(self.context, "Dockerfile")
        found = files.listing(self.context, rules, "Dockerfile").entries
        newest = max(entry.ctime_ns for entry in found)
        return Memories(inputs).fingerprint(self.context, found, listed_ns=newest + later_ns)


@pytest.fixture
def take(context: Path, monkeypatch: pytest.MonkeyPatch) -> Taker:
    return Taker(context, monkeypatch)


def _content(context: Path) -> None:
    (context / "file").write_text("1234")


def _mode(context: Path) -> None:
    (context / "file").chmod(0o755)


def _folder_mode(context: Path) -> None:
    (context / "folder").chmod(0o700)


def _target(context: Path) -> None:
    (context / "link").unlink()
    (context / "link").symlink_to("folder")


def _empty_folder(context: Path) -> None:
    (context / "empty").mkdir()


def _gone(context: Path) -> None:
    (context / "file").unlink()


def _renamed(context: Path) -> None:
    (context / "file").rename(context / "file2")


def _kind(context: Path) -> None:
    (context / "link").unlink()
    (context / "link").write_text("file")


@pytest.mark.parametrize("change", [_content, _mode, _folder_mode, _target, _empty_folder, _gone, _renamed, _kind])
def test_it_changes_with_everything_that_an_image_could_see(
    context: Path, take: Taker, change: Callable[[Path], None]
) -> None:
    before = take()
    change(context)
    assert take() != before


def test_it_changes_with_the_other_inputs_of_the_build(take: Taker) -> None:
    assert take(target="a") != take(target="b")


def test_a_changed_time_alone_changes_nothing(context: Path, take: Taker) -> None:
    before = take()
    os.utime(context / "file", (1, 1))
    os.utime(context / "folder", (1, 1))
    assert take() == before


def test_what_was_not_touched_is_not_read_again(take: Taker) -> None:
    take()
    assert take.read == ["Dockerfile", "file"]
    take()
    assert take.read == []


def test_only_what_was_touched_is_read_again(context: Path, take: Taker) -> None:
    take()
    os.utime(context / "file", (1, 1))
    take()
    assert take.read == ["file"]
    take()
    assert take.read == []


def test_other_content_with_the_same_size_and_its_time_put_back_is_seen(context: Path, take: Taker) -> None:
    before = take()
    old = (context / "file").stat()
    (context / "file").write_text("321")
    os.utime(context / "file", ns=(old.st_atime_ns, old.st_mtime_ns))
    assert take() != before


def test_another_file_moved_into_its_place_is_seen(context: Path, take: Taker) -> None:
    before = take()
    old = (context / "file").stat()
    (context / "file").rename(context.parent / "old")
    (context / "file").write_text("321")
    os.utime(context / "file", ns=(old.st_atime_ns, old.st_mtime_ns))
    assert take() != before


def test_a_file_written_at_about_the_time_it_was_read_is_not_trusted(take: Taker) -> None:
    take(later_ns=0)
    take(later_ns=0)
    assert take.read == ["Dockerfile", "file"]


def test_an_index_that_is_damaged_or_of_another_form_only_costs_time(take: Taker, private_home: Path) -> None:
    before = take()
    index = next(private_home.rglob("*.index"))
    whole = index.read_bytes()
    for damaged in (b"", b"something else\n", whole[:-20], whole[:40], b"\xff" + whole, whole.replace(b" ", b"")):
        index.write_bytes(damaged)
        assert take() == before
        assert take.read
    take()
    assert take.read == []


def test_a_cache_that_cannot_be_written_only_costs_time(take: Taker, monkeypatch: pytest.MonkeyPatch) -> None:
    before = take()
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null/nowhere")
    assert take() == before
    assert take.read == ["Dockerfile", "file"]
    Memories({}).keep(Memory(fingerprint="x"))
    assert Memories({}).recall() == Memory()


def test_an_index_is_left_as_it_is_where_nothing_is_new(take: Taker, private_home: Path) -> None:
    take()
    inode = next(private_home.rglob("*.index")).stat().st_ino
    take()
    assert [path.stat().st_ino for path in private_home.rglob("contexts/*")] == [inode]


def test_a_listing_that_fails_half_way_leaves_the_index_alone(tmp_path: Path) -> None:
    entry = Entry("a", "file", 0o644, 1, 1, 1, 1, "")
    with Index(tmp_path / "x.index") as index:
        index.keep(entry, "hash", new=True)
    with pytest.raises(RuntimeError), Index(tmp_path / "x.index") as index:
        raise RuntimeError
    with Index(tmp_path / "x.index") as index:
        assert index.known(entry) == "hash"
    assert [path.name for path in tmp_path.glob("x*")] == ["x.index"]


@pytest.mark.parametrize("name", ["a\nb", "a\\nb", "a\\\nb", "\udce9", "é", " a ", "\\"])
def test_any_name_is_found_again(tmp_path: Path, name: str) -> None:
    entry = Entry(name, "file", 0o644, 1, 1, 1, 1, "")
    with Index(tmp_path / "x.index") as index:
        index.keep(entry, "hash", new=True)
    with Index(tmp_path / "x.index") as index:
        assert index.known(entry) == "hash"


def test_files_that_come_and_go_do_not_confuse_those_between(tmp_path: Path) -> None:
    def taken(names: str) -> list[str | None]:
        found = []
        with Index(tmp_path / "x.index") as index:
            for name in names:
                entry = Entry(name, "file", 0o644, 1, 1, 1, 1, "")
                found.append(index.known(entry))
                index.keep(entry, name, new=found[-1] is None)
        return found

    assert taken("bdf") == [None, None, None]
    assert taken("abceg") == [None, "b", None, None, None]
    assert taken("abg") == ["a", "b", "g"]
    assert taken("abceg") == ["a", "b", None, None, "g"]
