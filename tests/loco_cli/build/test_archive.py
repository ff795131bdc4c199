"""The archive: read back with Python's and GNU's tar, and what happens when the folder does not hold still."""

import io
import os
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from loco_cli.build import archive, files
from loco_cli.build.files import Entry
from loco_spec.errors import BuildFailed
from tests.loco_cli.build.test_files import without_rights

FILE = Entry("a", "file", 0o640, 3, 1_700_000_000 * 10**9, 0, 0, "")


def listed(context: Path) -> list[Entry]:
    (context / "Dockerfile").touch()
    return files.listing(context, files.rules(context, "Dockerfile"), "Dockerfile").entries


def members(tar: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(tar), encoding="utf-8", errors="surrogateescape") as opened:
        return {member.name: member for member in opened}


def test_it_holds_names_modes_and_contents_as_they_are(tmp_path: Path) -> None:
    context = tmp_path / "context"
    context.mkdir()
    long = "/".join(["folder-with-a-long-name"] * 12)
    odd = os.fsdecode(b"caf\xe9 \n\\")
    for path, text in ((f"{long}/x", "long"), (odd, "odd"), ("é", "é"), ("empty", "")):
        (context / path).parent.mkdir(parents=True, exist_ok=True)
        (context / path).write_text(text, encoding="utf-8")
    (context / "large").write_bytes(os.urandom(3_000_001))
    (context / "link").symlink_to("x/" * 120)
    (context / "empty").chmod(0o4751)
    out = tmp_path / "out"
    out.mkdir()
    tar = b"".join(archive.stream(context, listed(context)))
    subprocess.run(["tar", "-xp", "-C", out], input=tar, check=True)
    assert subprocess.run(["diff", "-r", "--no-dereference", context, out], check=False).returncode == 0
    assert (out / "empty").stat().st_mode & 0o7777 == 0o4751
    assert (out / long / "x").read_text() == "long"
    assert [os.fsencode(name) for name in members(tar)][1:] == [
        entry.path.encode("utf-8", "surrogateescape") for entry in listed(context)
    ]


def test_owners_are_roots_and_the_form_is_gnus(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    os.chown(tmp_path / "a", os.getuid(), os.getgid())
    tar = b"".join(archive.stream(tmp_path, listed(tmp_path)))
    assert {(member.uid, member.gid, member.uname) for member in members(tar).values()} == {(0, 0, "")}
    assert tar[257:265] == b"ustar  \0"


def test_the_first_two_blocks_are_known_for_an_archive_even_where_a_long_name_comes_first(tmp_path: Path) -> None:
    (tmp_path / ("-" * 200)).touch()
    tar = b"".join(archive.stream(tmp_path, listed(tmp_path)))
    with tarfile.open(fileobj=io.BytesIO(tar[:1024]), mode="r|") as opened:
        first = opened.next()
    assert first is not None
    assert first.isdir()


@pytest.mark.parametrize("size", [8**11 - 1, 8**11, 10**13])
def test_a_size_past_eight_gigabytes_is_told_as_it_is(size: int) -> None:
    header = archive.header(FILE._replace(size=size))
    assert tarfile.TarInfo.frombuf(header, "utf-8", "strict").size == size


def test_a_time_before_1970_is_told_as_1970() -> None:
    header = archive.header(FILE._replace(mtime_ns=-1))
    assert tarfile.TarInfo.frombuf(header, "utf-8", "strict").mtime == 0


def test_a_hundred_bytes_are_a_short_name_and_one_more_is_a_long_one() -> None:
    assert [len(archive.header(FILE._replace(path="x" * count))) for count in (100, 101)] == [512, 1536]


def test_small_files_come_together_and_large_ones_in_pieces(tmp_path: Path) -> None:
    for number in range(50):
        (tmp_path / f"small{number}").write_text("x")
    (tmp_path / "zlarge").write_bytes(b"x" * 5_000_000)
    pieces = [len(piece) for piece in archive.stream(tmp_path, listed(tmp_path))]
    assert len(pieces) < 10
    assert max(pieces) < 2_000_000


def _gone(path: Path) -> None:
    path.unlink()


def _shorter(path: Path) -> None:
    path.write_text("12")


def _longer(path: Path) -> None:
    path.write_text("1234")


def _written(path: Path) -> None:
    path.write_text("321")
    os.utime(path, ns=(0, 0))


def _replaced(path: Path) -> None:
    old = path.stat()
    path.rename(path.with_name("old"))
    path.write_text("321")
    os.utime(path, ns=(old.st_atime_ns, old.st_mtime_ns))


def _linked(path: Path) -> None:
    path.unlink()
    path.symlink_to("Dockerfile")


def _piped(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_gone, "changed while it was read: file is gone"),
        (_shorter, "changed while it was read: file became shorter"),
        (_longer, "changed while it was read: file became longer"),
        (_written, "changed while it was read: file was written"),
        (_replaced, "changed while it was read: file was written"),
        (_linked, "file in the build context cannot be read"),
        (_piped, "changed while it was read: file became shorter"),
    ],
)
def test_a_file_that_is_not_what_it_was_is_named(tmp_path: Path, change: Callable[[Path], None], told: str) -> None:
    (tmp_path / "file").write_text("123")
    found = listed(tmp_path)
    change(tmp_path / "file")
    with pytest.raises(BuildFailed, match=told):
        list(archive.stream(tmp_path, found))


def test_an_empty_file_that_grows_is_named_too(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = listed(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(BuildFailed, match="file became longer"):
        list(archive.stream(tmp_path, found))


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("123")
    (tmp_path / "file").chmod(0o600)
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)
    found = listed(tmp_path)
    with without_rights(), pytest.raises(BuildFailed, match=r"^file in the build context cannot be read: Permission"):
        list(archive.stream(tmp_path, found))
