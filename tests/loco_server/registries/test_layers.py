import gzip
import io
import os
import tarfile
from collections.abc import Iterator

import pytest

from loco_server.registries.layers import UnreadableLayerError, Verdict, find, number_of

PASSWD = b"root:x:0:0::/:\napp:x:10001:10001::/:\n"


def archive(*entries: tuple[str, bytes], kind: int = tarfile.PAX_FORMAT, links: dict[str, str] | None = None) -> bytes:
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w", format=kind) as tar:
        for name, target in (links or {}).items():
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, target
            tar.addfile(link)
        for name, content in entries:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return body.getvalue()


def pieces(content: bytes, size: int = 1000) -> Iterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


def look(content: bytes, size: int = 1000, unpacked_at_most: int = 1 << 30) -> bytes | Verdict:
    return find(pieces(content, size), "etc/passwd", at_most=1 << 20, unpacked_at_most=unpacked_at_most)


@pytest.mark.parametrize("kind", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
@pytest.mark.parametrize("size", [1, 7, 512, 100_000])
def test_the_file_is_found_however_the_bytes_come(kind: int, size: int) -> None:
    content = archive(("a" * 90, b"x" * 700), ("./etc/passwd", PASSWD), ("z", os.urandom(3000)), kind=kind)
    assert look(content, size) == PASSWD
    assert look(gzip.compress(content), size) == PASSWD
    half = len(content) // 2
    assert look(gzip.compress(content[:half]) + gzip.compress(content[half:]), size) == PASSWD


@pytest.mark.parametrize("kind", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_long_names_do_not_lead_astray(kind: int) -> None:
    long = "deep/" * 60 + "etc/passwd"
    assert look(archive((long, b"evil"), kind=kind)) is Verdict.SILENT
    assert look(archive((long, b"evil"), ("etc/passwd", PASSWD), kind=kind)) == PASSWD


def test_the_last_of_two_counts() -> None:
    assert look(archive(("etc/passwd", b"old"), ("etc/passwd", PASSWD))) == PASSWD


@pytest.mark.parametrize("name", ["etc/.wh.passwd", ".wh.etc", "etc/.wh..wh..opq", ".wh..wh..opq", "./etc/.wh.passwd"])
def test_a_whiteout_removes_what_older_layers_have_but_not_the_layers_own(name: str) -> None:
    assert look(archive((name, b""))) is Verdict.REMOVED
    assert look(archive((name, b""), ("etc/passwd", PASSWD))) == PASSWD
    assert look(archive(("etc/passwd", PASSWD), (name, b""))) == PASSWD


def test_other_files_and_whiteouts_say_nothing() -> None:
    assert look(archive(("etc/.wh.group", b""), ("etc/passwd-", b"x"), ("opt/etc/passwd", b"x"))) is Verdict.SILENT
    assert look(b"") is Verdict.SILENT
    assert look(archive()) is Verdict.SILENT


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\x28\xb5\x2f\xfd" + b"x" * 600, "zstd"),
        (b"no archive" * 100, "not a tar archive"),
        (b"\x1f\x8b" + b"x" * 600, "cannot be unpacked"),
        (archive(links={"etc/passwd": "/evil"}), "etc/passwd is not a plain file"),
        (archive(links={"etc": "/evil"}), "etc is a link"),
    ],
)
def test_what_cannot_be_looked_into_is_an_error(content: bytes, why: str) -> None:
    with pytest.raises(UnreadableLayerError, match=why):
        look(content)


def test_a_bomb_is_given_up_on() -> None:
    bomb = gzip.compress(archive(("zeros", bytes(30_000_000)), ("etc/passwd", PASSWD)))
    assert len(bomb) < 50_000
    assert look(bomb) == PASSWD
    with pytest.raises(UnreadableLayerError, match="unpacks to more"):
        look(bomb, unpacked_at_most=20_000_000)


def header_of(size: int, kind: bytes) -> bytes:
    entry = tarfile.TarInfo("x")
    entry.size, entry.type = size, kind
    return entry.tobuf(tarfile.USTAR_FORMAT)


def test_an_extended_header_as_large_as_a_disk_is_not_read_into_memory() -> None:
    for kind in (b"x", b"L"):
        with pytest.raises(UnreadableLayerError, match="longer than any name"):
            look(header_of(5 << 30, kind))


def test_sparse_files_and_senseless_headers_are_errors() -> None:
    with pytest.raises(UnreadableLayerError, match="sparse"):
        look(header_of(0, b"S"))
    for content in (b"xx path=etc/passwd\n", b"99 path=a\n", b"nothing"):
        with pytest.raises(UnreadableLayerError, match="makes no sense"):
            look(header_of(len(content), b"x") + content.ljust(512, b"\0"))
    wrong = bytearray(header_of(0, b"0"))
    wrong[124:135] = b"9" * 11
    wrong[148:156] = b"%06o\0 " % (sum(wrong[:148]) + 8 * 32 + sum(wrong[156:]))
    with pytest.raises(UnreadableLayerError, match="not a tar archive"):
        look(bytes(wrong))


def test_sizes_past_eight_gigabytes_are_understood() -> None:
    entry = tarfile.TarInfo("big")
    entry.size = 9 << 30
    assert look(entry.tobuf(tarfile.GNU_FORMAT)) is Verdict.SILENT


def test_a_name_is_looked_up_in_the_text() -> None:
    assert number_of(PASSWD, "app") == 10001
    assert number_of(PASSWD, "nobody") is None
    assert number_of(b"app:x:none\napp:x\n\xff:x:1\napp:x:7:7\n", "app") == 7
