"""Ask a real shell what it would offer for a line."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent
COMPLETIONS = HERE.parents[1] / "completions"


def bash(lines: Sequence[str], cache: Path, scratch: Path) -> list[set[str]]:
    del scratch
    said = _run(["bash", "--norc", str(HERE / "drive.bash"), str(COMPLETIONS / "loco.bash")], lines, cache)
    return _cut(said)


def zsh(lines: Sequence[str], cache: Path, scratch: Path) -> list[set[str]]:
    offered = scratch / "offered"
    _run(["zsh", "-f", str(HERE / "drive.zsh"), str(COMPLETIONS), str(offered)], lines, cache)
    return _cut(offered.read_text(encoding="utf-8"))


def fish(lines: Sequence[str], cache: Path, scratch: Path) -> list[set[str]]:
    del scratch
    script = f"source {COMPLETIONS}/loco.fish; while read -l line; complete -C $line; echo -- --end; end"
    said = _run(["fish", "--no-config", "-c", script], [f"{line}" for line in lines], cache)
    return [{word.partition("\t")[0] for word in words} for words in _cut(said)]


def _run(argv: Sequence[str], lines: Sequence[str], cache: Path) -> str:
    asked = subprocess.run(
        argv,
        input="".join(f"{line}\n" for line in lines),
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(cache),
            "XDG_CACHE_HOME": str(cache),
            "TERM": "xterm",
            "LANG": "C.UTF-8",
        },
        cwd=cache,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert asked.returncode == 0, asked.stderr
    assert not asked.stderr, asked.stderr
    return asked.stdout


def _cut(said: str) -> list[set[str]]:
    found: list[set[str]] = [set()]
    for word in said.splitlines():
        if word == "--end":
            found.append(set())
        elif word:
            found[-1].add(word)
    return found[:-1]
