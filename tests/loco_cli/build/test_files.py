"""The files of a context: which, in which order, and what is said of them."""

import os
import socket
from pathlib import Path

import pytest

from loco_cli.build.files import Entry, entries, largest, secrets, size
from loco_cli.build.ignore import parse


def paths(folder: Path, ignore: str = "", *always: str) -> list[str]:
    return [entry.path for entry in entries(folder, parse(ignore), always)]


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def file(path: str, bytes_: int = 1) -> Entry:
    return Entry(path, "file", 0o644, bytes_, 0, 0)


def test_everything_is_sent_in_the_order_of_the_paths(folder: Path) -> None:
    write(folder, "b/z", "b/a", "a", "b-a", ".git/HEAD")
    assert paths(folder) == [".git", ".git/HEAD", "a", "b", "b-a", "b/a", "b/z"]


def test_what_is_ignored_is_left_out_with_what_is_below_it(folder: Path) -> None:
    write(folder, "app.py", "node_modules/a/b.js", "dist/keep", "dist/other")
    assert paths(folder, "node_modules\ndist/*\n!dist/keep") == ["app.py", "dist", "dist/keep"]


def test_a_folder_that_is_ignored_is_sent_for_what_comes_back_below_it(folder: Path) -> None:
    write(folder, "dist/keep", "build/x")
    assert paths(folder, "*\n!dist/keep") == ["dist", "dist/keep"]


def test_some_are_sent_though_they_are_ignored(folder: Path) -> None:
    write(folder, "Dockerfile", ".dockerignore", "app.py")
    assert paths(folder, "*", "Dockerfile", ".dockerignore", "missing") == [".dockerignore", "Dockerfile"]
    assert paths(folder, "", "Dockerfile").count("Dockerfile") == 1


def test_links_are_sent_as_links_and_not_walked(folder: Path, tmp_path: Path) -> None:
    write(tmp_path, "outside/secret")
    (folder / "link").symlink_to(tmp_path / "outside")
    (folder / "loop").symlink_to(".")
    found = entries(folder, parse(""), [])
    assert [(entry.path, entry.kind, entry.target, entry.size) for entry in found] == [
        ("link", "link", str(tmp_path / "outside"), 0),
        ("loop", "link", ".", 0),
    ]


def test_sockets_and_pipes_are_not_sent(folder: Path) -> None:
    write(folder, "a")
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as found:
        found.bind("socket")
        assert paths(folder) == ["a"]


def test_sizes_are_of_files_alone(folder: Path) -> None:
    write(folder, "dir/abc")
    (folder / "link").symlink_to("dir/abc")
    assert size(entries(folder, parse(""), [])) == len("dir/abc")


def test_the_largest_are_files_and_folders_of_the_top_and_no_crumbs() -> None:
    found = [file("a/1", 400), file("a/2/3", 200), file("b", 300), file("c", 700), file("d", 16), file("e", 15)]
    assert largest(found) == [("c", 700), ("a/", 600), ("b", 300)]
    assert largest(found, count=1) == [("c", 700)]
    assert largest([]) == []


@pytest.mark.parametrize(
    ("path", "secret"),
    [
        (".env", True),
        ("web/.env.production", True),
        ("certs/server.pem", True),
        ("deep/down/id_rsa", True),
        ("id_ed25519", True),
        ("prod.kubeconfig", True),
        (".npmrc", True),
        (".env.example", False),
        (".env.sample", False),
        ("id_rsa.pub", False),
        ("environment", False),
        ("pem", False),
    ],
)
def test_a_name_that_says_secret_is_one(path: str, *, secret: bool) -> None:
    assert secrets([file(path)], []) == ([path] if secret else [])


def test_a_secret_may_be_allowed_by_its_path_and_a_folder_is_none() -> None:
    found = [file("certs/public.pem"), file("public.pem"), Entry(".env", "folder", 0o755, 0, 0, 0)]
    assert secrets(found, ["certs/*.pem"]) == ["public.pem"]
