"""Without an ignore file for docker, what git would not add is not sent; git itself is asked."""

import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loco_cli.build import files
from tests import trees
from tests.trees import Thing


@pytest.fixture(autouse=True)
def no_git_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)


def git(folder: Path, *args: str) -> str:
    done = subprocess.run(["git", "-C", folder, *args], check=True, capture_output=True)
    return os.fsdecode(done.stdout)


def sent(context: Path) -> list[str]:
    """Give the files and links that are sent."""
    (context / "Dockerfile").touch()
    found = files.listing(context, files.rules(context, "Dockerfile"), "Dockerfile").entries
    return [entry.path for entry in found if entry.kind != "folder"]


def write(folder: Path, **texts: str) -> None:
    """Write files; a double underscore in a name is a slash, a single one a dot."""
    for name, text in texts.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


_specs = st.dictionaries(st.just("") | trees.paths, trees.git_lines(), min_size=1, max_size=3)


def test_generated_folders_are_listed_as_git_lists_them(size: Callable[[str], int], seed: int) -> None:
    differing = []

    @hypothesis.seed(seed)
    @settings(max_examples=size("gitignores"), deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(trees.trees, _specs, trees.git_lines())
    def holds(tree: dict[str, Thing], specs: dict[str, list[str]], exclude: list[str]) -> None:
        with tempfile.TemporaryDirectory() as root:
            context = Path(root)
            # A repository in the repository is git's own business.
            trees.write(context, {path: thing for path, thing in tree.items() if ".git" not in path.split("/")})
            for folder, lines in specs.items():
                if (context / folder).is_dir() and not (context / folder).is_symlink():
                    (context / folder / ".gitignore").write_text("\n".join(lines))
            git(context, "init", "--quiet")
            (context / ".git/info/exclude").write_text("\n".join(exclude))
            listed = sent(context)
            theirs = git(context, "ls-files", "-co", "--exclude-standard", "-z").split("\0")
            assert sorted({*listed} - {"Dockerfile"}) == sorted({*theirs} - {"Dockerfile", ""})
            differing.append(len(listed) != sum(len(names) for _, _, names in os.walk(context)))

    holds()
    assert any(differing)


@pytest.mark.parametrize(
    ("line", "path", "ignored"),
    [
        # Git compares bytes: an é has two of them.
        ("?", "a", True),
        ("?", "é", False),
        ("??", "é", True),
        ("[!a]", "é", False),
        # Two stars after nothing but letters stand at the beginning of what git compares by wildcards.
        ("/a**/b", "ab", True),
        ("/a**/b", "axx/y/b", True),
        ("/a?**/b", "axx/y/b", False),
        ("x/**/b", "x/b", True),
        ("x/**", "x", False),
        ("a\\ ", "a ", True),
        ("a ", "a", True),
        ("[[:alpha:]]", "a", True),
        ("[[:alpha:]]", "1", False),
        ("[z-a]", "a", False),
        ("[]-]", "-", True),
        ("\\", "\\", False),
    ],
)
def test_a_line_leaves_out_what_git_leaves_out(tmp_path: Path, line: str, path: str, *, ignored: bool) -> None:
    git(tmp_path, "init", "--quiet")
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).touch()
    (tmp_path / ".gitignore").write_text(f"{line}\n", encoding="utf-8")
    assert (path not in sent(tmp_path)) is ignored
    assert (path not in git(tmp_path, "ls-files", "-coz", "--exclude-standard").split("\0")) is ignored


def test_the_repository_itself_is_left_out_at_any_depth(tmp_path: Path) -> None:
    write(tmp_path, _git__HEAD="x", a_git="x", sub___git="gitdir: elsewhere", sub__kept="x")
    assert sent(tmp_path) == ["Dockerfile", "a.git", "sub/kept"]


def test_rules_above_the_context_hold_in_it(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    write(tmp_path, _gitignore="*.log\n/app/only-here\n/only-here\n!keep.log\n", _git__info__exclude="excluded\n")
    context = tmp_path / "app"
    write(context, a_log="", keep_log="", excluded="", **{"only-here": ""}, b__c_log="")
    assert sent(context) == ["Dockerfile", "keep.log"]


def test_a_folder_that_its_repository_ignores_is_sent_when_it_is_what_is_deployed(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    write(tmp_path, _gitignore="dist/\n*.js\n", dist__site__main_js="", dist__site___gitignore="*.map\n")
    write(tmp_path, dist__site__main_map="")
    assert sent(tmp_path / "dist" / "site") == [".gitignore", "Dockerfile", "main.js"]


def test_rules_above_the_repository_do_not_count(tmp_path: Path) -> None:
    write(tmp_path, _gitignore="a\n", repository__a="")
    git(tmp_path / "repository", "init", "--quiet")
    assert sent(tmp_path / "repository") == ["Dockerfile", "a"]


def test_a_second_work_tree_knows_the_excludes_of_the_first(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    git(first, "init", "--quiet")
    git(first, "-c", "user.name=x", "-c", "user.email=x@x", "commit", "--quiet", "--allow-empty", "--message=x")
    git(first, "worktree", "add", "--quiet", str(second))
    write(first, _git__info__exclude="excluded\n")
    write(second, excluded="", kept="")
    assert sent(second) == ["Dockerfile", "kept"]


def test_a_linked_gitignore_is_not_read(tmp_path: Path) -> None:
    write(tmp_path, rules="a\n", a="")
    (tmp_path / ".gitignore").symlink_to("rules")
    assert "a" in sent(tmp_path)


def test_a_docker_ignore_file_is_not_merged_with_gits(tmp_path: Path) -> None:
    write(tmp_path, _gitignore="a\n", _dockerignore="b\n", a="", b="")
    assert sent(tmp_path) == [".dockerignore", ".gitignore", "Dockerfile", "a"]


def test_it_is_known_whether_anything_was_left_out(tmp_path: Path) -> None:
    write(tmp_path, _gitignore="a\n", Dockerfile="")
    assert not files.listing(tmp_path, files.rules(tmp_path, "Dockerfile"), "Dockerfile").left_out
    write(tmp_path, a="")
    assert files.listing(tmp_path, files.rules(tmp_path, "Dockerfile"), "Dockerfile").left_out
