"""Folders made at random, and rules for them: few names, so that the rules meet them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies as st

NAMES = ["a", "b", "ab", "a.py", "keep", "x y", "é", "-", "[", "a*", "\\", ".git", "\udce9"]
_MODES = [0o644, 0o755, 0o600, 0o444, 0o4755]


@dataclass(frozen=True)
class Thing:
    kind: str
    """file, folder or link."""
    mode: int = 0o644
    text: str = ""
    """What stands in the file, or where the link points."""


paths = st.lists(st.sampled_from(NAMES), min_size=1, max_size=4).map("/".join)
_things = st.one_of(
    st.builds(Thing, st.just("file"), st.sampled_from(_MODES), st.sampled_from(["", "1", "22"])),
    st.builds(Thing, st.just("folder"), st.sampled_from([0o755, 0o700, 0o1777])),
    st.builds(
        Thing, st.just("link"), st.just(0o777), st.sampled_from(["a", "../a", "/etc/hosts", ".", "nowhere/" * 30])
    ),
)
trees = st.dictionaries(paths, _things, max_size=12)


def write(root: Path, tree: Mapping[str, Thing]) -> None:
    """Make the folder; what finds no place (a file where a folder should be) is left out."""
    for path, thing in tree.items():
        place = root / path
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            if thing.kind == "link":
                place.symlink_to(thing.text)
                continue
            if thing.kind == "folder":
                place.mkdir()
            else:
                place.write_text(thing.text)
            place.chmod(thing.mode)
        except OSError:
            continue


_parts = st.sampled_from(["a", "b", "ab", "a.py", "keep", "x y", "-", ".git", "*", "**"]) | st.sampled_from(
    ["a*", "*.py", "?", "[ab]", "[^b-d]*", "a**", "**b", "**.py", r"\[", r"a\*", "[*]", "k?ep"]
)


@st.composite
def docker_lines(draw: st.DrawFn, *, takes_back: bool) -> list[str]:
    """Lines of a .dockerignore."""
    found = []
    for _ in range(draw(st.integers(0, 4))):
        line = "/".join(draw(st.lists(_parts, min_size=1, max_size=3)))
        line = (
            draw(st.sampled_from(["", "", "", "/", "./", " "])) + line + draw(st.sampled_from(["", "", "/", " ", "\r"]))
        )
        found.append(f"!{line}" if takes_back and draw(st.booleans()) else line)
    return found + draw(st.sampled_from([[], [], ["# a"], ["Dockerfile", ".dockerignore"]]))


_git_parts = st.sampled_from(["a", "b", "ab", "*.py", "keep", "x y", "*", "**", "a*", "?", "[ab]"]) | st.sampled_from(
    [r"x\ y", "[!a]", "[^b-d]", "[[:alpha:]]", "[]-]", "a**", "***", r"\[", r"a\*", "[a", "[z-a]", "\\", "[a-]", "."]
)


@st.composite
def git_lines(draw: st.DrawFn) -> list[str]:
    """Lines of a .gitignore."""
    found = []
    for _ in range(draw(st.integers(0, 4))):
        line = "/".join(draw(st.lists(_git_parts, min_size=1, max_size=3)))
        line = draw(st.sampled_from(["", "", "", "/", "**/", "!", "!/", "#", "\\!"])) + line
        found.append(line + draw(st.sampled_from(["", "", "/", " ", "/**", "\r"])))
    return found
