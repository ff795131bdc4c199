"""The context as a tar: what an engine reads out of it."""

import io
import os
import tarfile
from pathlib import Path

import pytest

from loco_cli.build import archive
from loco_cli.build.files import Entry, entries
from loco_cli.build.ignore import parse

BLOCK = 512


def packed(folder: Path, found: list[Entry] | None = None) -> bytes:
    return b"".join(archive.stream(folder, entries(folder, parse(""), []) if found is None else found))


def members(folder: Path, found: list[Entry] | None = None) -> dict[str, tuple[tarfile.TarInfo, bytes | None]]:
    with tarfile.open(fileobj=io.BytesIO(packed(folder, found)), errors="surrogateescape") as tar:
        return {item.name: (item, _content(tar, item)) for item in tar}


def _content(tar: tarfile.TarFile, item: tarfile.TarInfo) -> bytes | None:
    file = tar.extractfile(item) if item.isreg() else None
    return None if file is None else file.read()


def test_files_folders_and_links_arrive_as_they_are(folder: Path) -> None:
    (folder / "src").mkdir(mode=0o750)
    (folder / "src/app.py").write_text("print()")
    (folder / "src/app.py").chmod(0o755)
    (folder / "latest").symlink_to("src/app.py")
    (folder / "broken").symlink_to("../nowhere")
    os.utime(folder / "src/app.py", (1_500_000_000.75, 1_500_000_000.75))
    found = members(folder)
    assert list(found) == ["broken", "latest", "src", "src/app.py"]
    file, content = found["src/app.py"]
    assert (content, file.mode, file.mtime, file.isreg()) == (b"print()", 0o755, 1_500_000_000, True)
    assert (found["src"][0].isdir(), found["src"][0].mode) == (True, 0o750)
    assert (found["latest"][0].issym(), found["latest"][0].linkname) == (True, "src/app.py")
    assert found["broken"][0].linkname == "../nowhere"


def test_owners_are_roots_and_nobodys_name_is_told(folder: Path) -> None:
    (folder / "a").touch()
    [(item, _)] = members(folder).values()
    assert (item.uid, item.gid, item.uname, item.gname) == (0, 0, "", "")


@pytest.mark.parametrize("length", [99, 100, 101, 155, 156, 250])
def test_names_of_any_length_arrive_whole(folder: Path, length: int) -> None:
    name = "n" * length
    (folder / name).write_text("x")
    (folder / "link").symlink_to(name)
    found = members(folder)
    assert found[name][1] == b"x"
    assert found["link"][0].linkname == name


def test_paths_of_many_folders_arrive_whole(folder: Path) -> None:
    path = "/".join(["d" * 60] * 6)
    (folder / path).mkdir(parents=True)
    (folder / path / "file").write_text("x")
    assert members(folder)[f"{path}/file"][1] == b"x"


def test_the_headers_are_gnus_and_of_no_other_kind(folder: Path) -> None:
    (folder / ("é" * 90)).write_text("x")
    content = packed(folder)
    assert content[257:265] == b"ustar  \0"
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        assert tar.getmembers()[0].pax_headers == {}


def test_a_name_that_is_no_utf_8_arrives_byte_by_byte(folder: Path) -> None:
    name = os.fsdecode(b"caf\xe9")
    (folder / name).write_text("x")
    assert list(members(folder)) == [name]


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, archive.CHUNK, archive.CHUNK + 1])
def test_every_size_is_filled_up_to_whole_blocks(folder: Path, size: int) -> None:
    content = os.urandom(size)
    (folder / "a").write_bytes(content)
    (folder / "b").write_bytes(b"after")
    assert len(packed(folder)) % BLOCK == 0
    found = members(folder)
    assert (found["a"][1], found["b"][1]) == (content, b"after")


@pytest.mark.parametrize(
    ("now", "sent"), [(b"", b"\0" * 600), (b"x" * 10, b"x" * 10 + b"\0" * 590), (b"y" * 999, b"y" * 600)]
)
def test_a_file_that_shrinks_or_grows_meanwhile_spoils_no_other(folder: Path, now: bytes, sent: bytes) -> None:
    (folder / "a").write_bytes(b"x" * 600)
    (folder / "b").write_bytes(b"after")
    found = entries(folder, parse(""), [])
    (folder / "a").write_bytes(now)
    arrived = members(folder, found)
    assert (arrived["a"][1], arrived["b"][1]) == (sent, b"after")


def test_nothing_is_an_archive_too(folder: Path) -> None:
    assert packed(folder) == b"\0" * 2 * BLOCK
