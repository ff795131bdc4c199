"""The snippets of the Markdown pages: what a reader would type, or put into a file.

A fenced block says its language. An indented block is what is typed into a shell; where lines begin with `$ `, the
others are what it answers. A block that cannot be run here has a comment of HTML before it, which says why:

    <!-- not run: needs a cluster -->

One that needs a clone of this repository, and the ports that are usual, has `<!-- run in a clone -->` before it. Where
the sentence before a fenced block ends with a file's name and a colon, as in ``with this `Dockerfile`:``, it is that
file.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("examples/*/README.md")])

_FENCE = re.compile(r"^( *)(```+|~~~+)(.*)$")
_MARK = re.compile(r"^<!-- (not run: .+|run in a clone) -->$")
_FILE = re.compile(r"`((?:[\w.-]+/)*(?:Dockerfile|[\w-]*\.[\w.-]+))`:$")


@dataclass(frozen=True)
class Block:
    page: Path
    """From the root of the repository."""
    line: int
    language: str
    """As its fence says; `console` or `sh` where it is indented; empty where a fence says nothing."""
    text: str
    mark: str = ""
    file: str = ""
    """The name that the sentence before gives it."""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def reason(self) -> str:
        """Why it is not run; empty where it is."""
        return self.mark.removeprefix("not run: ") if self.mark.startswith("not run: ") else ""

    @property
    def in_clone(self) -> bool:
        return self.mark == "run in a clone"

    @property
    def is_shell(self) -> bool:
        return self.language in {"sh", "console"}


def blocks(page: Path) -> list[Block]:
    return list(_blocks(page.relative_to(ROOT), page.read_text(encoding="utf-8").splitlines()))


def _blocks(page: Path, lines: list[str]) -> Iterator[Block]:
    n, before = 0, [""]
    while n < len(lines):
        line, start = lines[n], n
        if fence := _FENCE.match(line):
            margin, ticks, language = fence.groups()
            n += 1
            while n < len(lines) and not lines[n].strip().startswith(ticks):
                n += 1
            text = "\n".join(each.removeprefix(margin) for each in lines[start + 1 : n])
            n += 1
            yield _block(page, start + 1, language.strip(), text, before)
        elif line.startswith("    ") and not before[-1]:
            while n < len(lines) and (lines[n].startswith("    ") or not lines[n].strip()):
                n += 1
            body = lines[start:n]
            margin = " " * min(len(each) - len(each.lstrip()) for each in body if each.strip())
            text = "\n".join(each.removeprefix(margin) for each in body).rstrip()
            typed = any(each.startswith("$ ") for each in text.splitlines())
            yield replace(_block(page, start + 1, "console" if typed else "sh", text, before), file="")
        else:
            n += 1
        before += [each.strip() for each in lines[start:n]]


def _block(page: Path, line: int, language: str, text: str, before: list[str]) -> Block:
    told = [each for each in before if each][-2:]
    mark = _MARK.match(told[-1]) if told else None
    sentence = told[-2] if mark and len(told) > 1 else told[-1] if told else ""
    file = _FILE.search(sentence)
    return Block(page, line, language, text, mark[1] if mark else "", file[1] if file else "")


@dataclass(frozen=True)
class Typed:
    """One thing that is typed, and what is shown for it; None: whatever is."""

    text: str
    shown: str | None = None


_HEREDOC = re.compile(r"<<-?\s*['\"]?(\w+)['\"]?")


def typed(block: Block) -> list[Typed]:
    """Give what a block of a shell has typed, one after another."""
    if block.language == "sh":
        return [Typed(block.text)]
    found: list[Typed] = []
    lines = iter(block.text.splitlines())
    for line in lines:
        if line.startswith("$ "):
            text = line[2:]
            while text.endswith("\\"):
                text += f"\n{next(lines)}"
            if heredoc := _HEREDOC.search(text):
                for more in lines:
                    text += f"\n{more}"
                    if more == heredoc[1]:
                        break
            found.append(Typed(text, ""))
        else:
            assert found, f"{block}: something is shown before anything is typed"
            last = found.pop()
            found.append(Typed(last.text, f"{last.shown}{line}\n"))
    return found
