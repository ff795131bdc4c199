"""`.gitignore`, for folders that have no ignore file for docker: git's rules, over a walk that git would take too.

The nearest file with a line that matches decides, by the last such line. Nothing can be taken back below an ignored
folder, so none is walked. `.git` is left out as well. What is committed is not asked for: a tracked file that a
`.gitignore` names is left out like any other. Git compares bytes, not letters (`?` is half an é), so each byte stands
here as the letter of its number.
"""

import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path

from loco_cli.build.rules import Level
from loco_cli.build.wildmatch import read
from loco_spec.errors import BuildFailed


class Spec:
    """The lines of one file.

    Args:
        text: what stands in it, a letter a byte.
        base: its folder, as a path in the context with a slash at the end, or empty.
        above: for a file above the context, the context's path from there, with a slash at the end.
    """

    def __init__(self, text: str, base: str, above: str = "") -> None:
        self._skip = len(base)
        self._above = above
        lines = [found for line in text.split("\n") if (found := read(line.removesuffix("\r"))) is not None]
        self._lines = [(re.compile(each.regex, re.DOTALL), each) for each in reversed(lines)]
        # Most names are spoken of by no line: one look tells, instead of one a line.
        self._name = _any([each.regex for each in lines if not each.whole])
        self._path = _any([each.regex for each in lines if each.whole])

    def verdict(self, path: str, *, folder: bool) -> bool | None:
        """Whether the path is ignored; None where no line matches."""
        name = path[path.rfind("/") + 1 :]
        own = self._above + path[self._skip :]
        if self._name.fullmatch(name) is None and self._path.fullmatch(own) is None:
            return None
        for regex, line in self._lines:
            if (folder or not line.folders) and regex.fullmatch(own if line.whole else name) is not None:
                return line.ignores
        return None


class GitLevel:
    """What holds in one folder: the files of it and of those above it, the nearest first."""

    __slots__ = ("_context", "_specs")

    def __init__(self, context: Path, specs: Sequence[Spec]) -> None:
        self._context = context
        self._specs = specs

    def ignores(self, path: str, *, folder: bool) -> bool:
        if path.endswith(".git") and path[-5:-4] in {"", "/"}:
            return True
        path = _bytes(path)
        for spec in self._specs:
            found = spec.verdict(path, folder=folder)
            if found is not None:
                return found
        return False

    def below(self, path: str, *, ignored: bool) -> Level | None:
        if ignored:
            return None
        text = _text(self._context / path / ".gitignore")
        return GitLevel(self._context, [Spec(text, f"{_bytes(path)}/"), *self._specs]) if text else self


class Git:
    """The rules of a context: its `.gitignore` files, those above it in the repository, and `.git/info/exclude`."""

    source = None
    for_docker = False
    takes_back = False

    def __init__(self, context: Path) -> None:
        self._top = GitLevel(context, _outer(context))

    def top(self) -> Level:
        return self._top


def _bytes(path: str) -> str:
    return path if path.isascii() else path.encode("utf-8", "surrogateescape").decode("latin-1")


def _any(regexes: Sequence[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{each})" for each in regexes) or "(?!)", re.DOTALL)


def _outer(context: Path) -> list[Spec]:
    """Give what holds at the context's top."""
    own = _text(context / ".gitignore")
    specs = [Spec(own, "")] if own else []
    root = next((folder for folder in (context, *context.parents) if (folder / ".git").exists()), None)
    if root is None:
        return specs
    files = [(folder, folder / ".gitignore") for folder in context.parents if folder.is_relative_to(root)]
    files.append((root, _exclude(root / ".git")))
    texts = [(folder, text) for folder, path in files if (text := _text(path))]
    above = [(folder, Spec(text, "", _from(folder, context))) for folder, text in texts]
    # Whoever deploys a folder that the repository ignores as a whole means what is in it.
    return specs if _ignored(root, context, texts) else [*specs, *(spec for _, spec in above)]


def _ignored(root: Path, context: Path, texts: Sequence[tuple[Path, str]]) -> bool:
    """Whether the context, or a folder on the way to it, is ignored by what stands above."""
    for folder in (context, *context.parents):
        if folder == root:
            break
        near = [Spec(text, _from(root, of)) for of, text in texts if folder.is_relative_to(of) and folder != of]
        if GitLevel(root, near).ignores(folder.relative_to(root).as_posix(), folder=True):
            return True
    return False


def _from(folder: Path, context: Path) -> str:
    """Give the way from one down to the other, with a slash at the end."""
    path = context.relative_to(folder).as_posix()
    return "" if path == "." else f"{_bytes(path)}/"


def _exclude(git: Path) -> Path:
    """Give the path of info/exclude; in a second work tree or a submodule `.git` is a file that tells where it is."""
    if git.is_file():
        git = git.parent / os.fsdecode(_text(git).encode("latin-1").removeprefix(b"gitdir:").strip())
        common = os.fsdecode(_text(git / "commondir").encode("latin-1").strip())
        git = git / common if common else git
    return git / "info/exclude"


def _text(path: Path) -> str:
    """Give what stands in a file; nothing where there is none. Like git, no link is followed."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return ""
    except OSError:  # a folder that cannot be entered is the walk's to complain of
        return ""
    try:
        return path.read_bytes().removeprefix(b"\xef\xbb\xbf").decode("latin-1")
    except OSError as e:
        raise BuildFailed(f"{path} cannot be read: {e.strerror}", hint="see its permissions") from e
