"""The listing of a context, and its hard cases."""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from loco_cli.build import files
from loco_cli.build.files import Entry, largest
from loco_spec.errors import BuildFailed


def listed(context: Path, dockerfile: str = "Dockerfile") -> list[Entry]:
    return files.listing(context, files.rules(context, dockerfile), dockerfile).entries


def paths(context: Path, dockerfile: str = "Dockerfile") -> list[str]:
    return [entry.path for entry in listed(context, dockerfile)]


@pytest.fixture
def context(tmp_path: Path) -> Path:
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM scratch\n")
    return folder


@contextmanager
def without_rights() -> Iterator[None]:
    """Be nobody for a moment: for root every file is readable."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def reachable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody in as far as the context."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and folder != folder.parent:
            folder.chmod(folder.stat().st_mode | 0o011)


def test_it_is_sorted_whatever_the_file_system_says(context: Path) -> None:
    for name in ("b", "a-b", "a", "B"):
        (context / name).mkdir()
        (context / name / "x").touch()
    assert paths(context) == ["B", "B/x", "Dockerfile", "a", "a-b", "a-b/x", "a/x", "b", "b/x"]


def test_links_are_listed_as_links_and_not_followed(context: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").touch()
    (context / "out").symlink_to("../outside")
    (context / "broken").symlink_to("./nothing//there/")
    found = {entry.path: (entry.kind, entry.target) for entry in listed(context)}
    assert found["out"] == ("link", "../outside")
    assert found["broken"] == ("link", "./nothing//there/")
    assert "out/secret" not in found


def test_sockets_pipes_and_devices_are_passed_over(context: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(context)
    os.mkfifo("pipe")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("socket")
        assert paths(context) == ["Dockerfile"]


def test_empty_folders_count(context: Path) -> None:
    (context / "empty").mkdir()
    assert paths(context) == ["Dockerfile", "empty"]


def test_a_context_that_is_a_link_is_the_folder_behind_it(context: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(context)
    assert paths(tmp_path / "link") == ["Dockerfile"]


def test_very_deep_folders_are_walked(context: Path) -> None:
    levels = 1500  # more than Python's stack has room for
    subprocess.run(["mkdir", "-p", context / ("a/" * levels)], check=True)
    assert len(paths(context)) == levels + 1
    subprocess.run(["rm", "-r", context / "a"], check=True)


def test_an_ignored_folder_is_listed_only_for_what_comes_back_in_it(context: Path) -> None:
    (context / ".dockerignore").write_text("*\n!a/b/**/keep\n")
    for path in ("a/b/c/keep", "a/b/d/other", "a/x"):
        (context / path).parent.mkdir(parents=True, exist_ok=True)
        (context / path).touch()
    assert paths(context) == ["Dockerfile", "a", "a/b", "a/b/c", "a/b/c/keep"]


def test_what_need_not_be_walked_is_not(context: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (context / ".dockerignore").write_text("node_modules\n**/*.log\n!keep.log\n")
    for path in ("node_modules/a/b", "src/c"):
        (context / path).mkdir(parents=True)
    seen = []
    real = os.scandir

    def scandir(path: Path) -> "os._ScandirIterator[str]":
        seen.append(Path(path).relative_to(context).as_posix())
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    paths(context)
    assert sorted(seen) == [".", "src", "src/c"]


def test_the_dockerfile_is_sent_though_it_is_ignored_and_the_ignore_file_is_not(context: Path) -> None:
    (context / ".dockerignore").write_text("*\n")
    assert paths(context) == ["Dockerfile"]


def test_an_ignored_dockerfile_that_is_a_link_is_sent_with_all_it_points_at(context: Path) -> None:
    (context / "Dockerfile").unlink()
    (context / "docker").mkdir()
    (context / "docker" / "real").write_text("FROM scratch\n")
    (context / "docker" / "middle").symlink_to("real")
    (context / "Dockerfile").symlink_to("./docker/middle")
    (context / ".dockerignore").write_text("*\n")
    found = [(entry.path, entry.kind) for entry in listed(context)]
    assert found == [("Dockerfile", "link"), ("docker/middle", "link"), ("docker/real", "file")]


def test_an_unreadable_folder_is_named(context: Path, reachable: None) -> None:
    (context / "locked").mkdir(mode=0o700)
    with without_rights(), pytest.raises(BuildFailed, match=r"^locked in the build context cannot be read"):
        listed(context)


def test_an_unreadable_folder_that_is_ignored_is_no_matter(context: Path, reachable: None) -> None:
    (context / "locked").mkdir(mode=0o700)
    (context / ".dockerignore").write_text("locked\n!locked/keep\n")
    with without_rights():
        assert paths(context) == [".dockerignore", "Dockerfile"]


def test_a_file_that_goes_during_the_listing_is_told_as_a_change(
    context: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (context / "going").symlink_to("somewhere")
    real = os.readlink

    def gone(path: Path) -> str:
        Path(path).unlink()
        return real(path)

    monkeypatch.setattr(os, "readlink", gone)
    with pytest.raises(BuildFailed, match="changed while it was read: going is gone"):
        listed(context)


def test_the_largest_are_files_and_top_folders_and_no_crumbs(context: Path) -> None:
    (context / "data").mkdir()
    sizes = {"data/a": 300, "data/b": 300, "one": 500, "two": 400, "three": 300, "four": 200, "five": 100, "crumb": 1}
    for path, size in sizes.items():
        (context / path).write_bytes(b"x" * size)
    assert [name for name, _ in largest(listed(context))] == ["data/", "one", "two", "three", "four"]
    assert "crumb" not in [name for name, _ in largest(listed(context), count=20)]
