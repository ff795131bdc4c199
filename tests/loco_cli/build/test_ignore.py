"""The golden cases tell the rules of moby/patternmatcher: what the engine's own builder would leave out."""

import itertools
import re
from pathlib import Path

import pytest

from loco_cli.build import ignore
from loco_cli.build.ignore import Ignore, parse
from loco_cli.build.rules import Level
from loco_spec.errors import ConfigError


def load(context: Path, dockerfile: str) -> Ignore:
    found = ignore.load(context, dockerfile)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("pattern", "path", "ignored"),
    [
        # Anchored at the root: unlike git, a name without a slash is not found at any depth.
        ("node_modules", "node_modules", True),
        ("node_modules", "web/node_modules", False),
        ("*.log", "run.log", True),
        ("*.log", "logs/run.log", False),
        ("/dist", "dist", True),
        ("/dist", "web/dist", False),
        ("dist", "distance", False),
        # A folder that is left out takes everything below it along.
        ("dist", "dist/a/b.js", True),
        ("web/dist", "web/dist/b.js", True),
        ("*", "a/b/c", True),
        # Paths are cleaned before they are compared.
        ("dist/", "dist", True),
        ("dist/", "dist/a", True),
        ("./dist", "dist", True),
        ("a//b", "a/b", True),
        ("a/./b", "a/b", True),
        ("a/../b", "b", True),
        ("a/../b", "a", False),
        ("../a", "a", False),
        # One star and one question mark stay within one folder.
        ("a/*", "a/b", True),
        ("a/*.txt", "a/b/c.txt", False),
        ("a*", "abc", True),
        ("a*c", "a/c", False),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("a?c", "a/c", False),
        ("a?c", "aéc", True),
        # Two stars cross folders, and none.
        ("**", "a/b", True),
        ("**/*.pyc", "a.pyc", True),
        ("**/*.pyc", "a/b/c.pyc", True),
        ("**/*.pyc", "a/b/c.py", False),
        ("**/tmp", "a/tmp/b", True),
        ("**/tmp", "a/notmp", False),
        ("**/a/b", "x/a/b", True),
        ("**/a/b", "a/x/b", False),
        ("**/**/*.txt", "a.txt", True),
        ("a/**", "a", False),
        ("a/**", "a/b/c", True),
        ("a/**/z", "a/z", True),
        ("a/**/z", "a/b/c/z", True),
        ("a/**/z", "b/a/z", False),
        ("a**/*.txt", "ab/c/d.txt", True),
        ("a/*.txt**", "a/b.txt", True),
        # Two stars at the beginning, joined to nothing but plain letters, are any beginning.
        ("**.log", "run.log", True),
        ("**.log", "a/b/run.log", True),
        ("**.log", "run.logs", False),
        ("**secret", "a/mysecret", True),
        ("**secret*", "a/mysecret", False),
        ("**secret*", "a/secrets", True),
        # Classes. The builder writes its regular expression without a thought for them, which shows.
        ("[*]", "*", False),
        ("a[?]", "a?", False),
        ("a[?]", "a^]", True),
        (r"\d", "7", True),
        (r"\d", "d", False),
        (r"x\D", "x7", False),
        (r"[\d_]", "7", True),
        ("a^b", "a^b", True),
        ("a^*", "a^b", False),
        ("a[b-d]e", "ace", True),
        ("a[b-d]e", "aae", False),
        ("a[^b-d]e", "aze", True),
        ("a[^b-d]e", "ace", False),
        (r"[\]a]", "]", True),
        (r"[\-x]", "-", True),
        # Everything else that regular expressions know is just a letter.
        ("a.b", "aXb", False),
        ("a(b)+c|d$", "a(b)+c|d$", True),
        ("{a,b}", "a", False),
        (r"a\*b", "a*b", True),
        (r"a\*b", "axb", False),
        ("a b", "a b", True),
    ],
)
def test_a_pattern_leaves_out_what_the_engines_builder_would(pattern: str, path: str, *, ignored: bool) -> None:
    assert parse(pattern).ignores(path) is ignored


@pytest.mark.parametrize(
    ("lines", "path", "ignored"),
    [
        (["*", "!src"], "src", False),
        (["*", "!src"], "src/a/b.py", False),
        (["*", "!src"], "lib/b.py", True),
        (["*.md", "!README.md"], "README.md", False),
        (["*.md", "!README.md"], "OTHER.md", True),
        (["docs", "!docs/README.md"], "docs/README.md", False),
        (["docs", "!docs/README.md"], "docs/x/README.md", True),
        (["*", "!src", "src/private"], "src/private/key", True),
        (["*", "!src", "src/private"], "src/public/key", False),
        (["!README.md", "*.md"], "README.md", True),
        (["**", "!dist/*.whl"], "dist/a-1.0+g0.whl", False),
        (["a", "! a/b"], "a/b", False),
        (["a", "!/a/b"], "a/b", False),
        # The walk does not ask about a folder that is not ignored whether it comes back.
        (["**/*.md", "!docs"], "docs/a.md", True),
        (["**/*.md", "!docs/**"], "docs/a.md", False),
        (["docs", "!docs", "**/*.md", "!docs"], "docs/a.md", True),
        # It finds this one and then does not read it; the builder's image has it empty.
        (["a", "!a/b", "a"], "a/b", True),
        (["a", "!a/b", "a", "!a/b"], "a/b", False),
        # docker-py gets these wrong: it sends the first and loses the second.
        (["**/node_modules", "!node_modules/keep"], "node_modules/a/b", True),
        (["**/node_modules", "!node_modules/keep"], "node_modules/keep/b", False),
        (["**/nm", "!**/keep"], "x/nm/y/keep", False),
        (["**/nm", "!**/keep"], "x/nm/y/other", True),
    ],
)
def test_the_last_match_wins_and_takes_back_under_ignored_parents(
    lines: list[str], path: str, *, ignored: bool
) -> None:
    assert parse("\n".join(lines)).ignores(path) is ignored


def test_a_comment_begins_in_the_first_column_only() -> None:
    found = parse("#a\n #b\nc#d\n")
    assert [path for path in ("a", "#a", "#b", "b", "c", "c#d") if found.ignores(path)] == ["#b", "c#d"]


def test_blank_lines_blanks_around_and_windows_line_ends_do_not_count() -> None:
    found = parse("\r\n\t a \r\n   \n\u00a0b\u3000\r\n")
    assert [path for path in ("a", "b", " ") if found.ignores(path)] == ["a", "b"]


def test_nothing_written_leaves_nothing_out() -> None:
    assert not parse("# nothing\n\n/\n.\n").ignores("a")


@pytest.mark.parametrize(
    ("lines", "folder", "walked"),
    [
        (["a", "b/**"], "a", False),
        (["a", "!a/b"], "a", True),
        (["a", "!a/b"], "a/c", False),
        (["a", "ab", "!a/b"], "ab", False),
        (["*", "!src"], "node_modules", False),
        (["*", "!src/*.py"], "node_modules", False),
        (["*", "!src/*/keep"], "src/a", True),
        (["*", "!src/*/keep/x"], "src/a/keep", True),
        (["*", "!s?c/keep"], "src", True),
        (["*", "!s?c/keep"], "lib", False),
        (["*", "!**/keep"], "node_modules/a/b", True),
        (["*", "!src/**"], "lib", False),
        (["*", "!src**"], "node_modules", False),
        (["*", "!src**x"], "src", True),
        (["*", "![ab]/keep"], "a", True),
        (["*", "!a^b/**"], "a^b", True),
    ],
)
def test_an_ignored_folder_is_walked_only_where_something_can_come_back(
    lines: list[str], folder: str, *, walked: bool
) -> None:
    level: Level | None = parse("\n".join(lines)).top()
    for path in itertools.accumulate(folder.split("/"), "{}/{}".format):
        assert level is not None
        assert level.ignores(path, folder=True)
        level = level.below(path, ignored=True)
    assert (level is not None) is walked


@pytest.mark.parametrize(
    "pattern",
    ["[z-a]", "[^]a]", "[]a]", "[a-]", "[-a]", "[+--]", "[a", "a\\", "[a\\", r"\é", r"\x41", "!", "!/", "[[:alpha:]]"],
)
def test_a_pattern_that_is_none_is_refused_with_its_file_and_line(pattern: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(f'.dockerignore:2: "{pattern}"')):
        parse(f"a\n{pattern}\n", source=".dockerignore")


def test_the_file_beside_the_dockerfile_wins_and_is_not_merged(tmp_path: Path) -> None:
    (tmp_path / ".dockerignore").write_text("a\n")
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker" / "web.Dockerfile.dockerignore").write_text("b\n")
    found = load(tmp_path, "docker/web.Dockerfile")
    assert found.source == "docker/web.Dockerfile.dockerignore"
    assert found.ignores("b")
    assert not found.ignores("a")


def test_another_dockerfiles_ignore_file_does_not_count(tmp_path: Path) -> None:
    (tmp_path / ".dockerignore").write_text("a\n")
    (tmp_path / "web.Dockerfile.dockerignore").write_text("b\n")
    found = load(tmp_path, "Dockerfile")
    assert found.source == ".dockerignore"
    assert found.ignores("a")
    assert not found.ignores("b")


def test_without_a_file_there_are_no_rules(tmp_path: Path) -> None:
    assert ignore.load(tmp_path, "Dockerfile") is None


def test_a_line_too_long_for_the_builder_is_refused() -> None:
    with pytest.raises(ConfigError, match="longer than 64 KiB"):
        parse("a" * 70_000)


def test_a_byte_order_mark_is_no_part_of_the_first_pattern(tmp_path: Path) -> None:
    (tmp_path / ".dockerignore").write_bytes(b"\xef\xbb\xbf#x\na\n")
    found = load(tmp_path, "Dockerfile")
    assert found.ignores("a")
    assert not found.ignores("#x")


def test_a_name_that_is_not_utf_8_matches_the_same_name_on_disk(tmp_path: Path) -> None:
    (tmp_path / ".dockerignore").write_bytes(b"caf\xe9\n")
    assert load(tmp_path, "Dockerfile").ignores(b"caf\xe9".decode("utf-8", "surrogateescape"))
