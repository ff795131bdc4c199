"""What it takes to start: `loco --version`, `--help` and a TAB, beside a bare Python, kubectl and docker."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from benchmarks.measured import Measured, NotMeasured, Row
from benchmarks.timing import in_turn, process, seconds
from loco_cli.build.builders.docker_cli import on_path
from tests.e2e.stack import BIN

ROUNDS, TABS = 30, 20
NAMES = 100
"""So many apps has loco seen."""
COMPLETIONS = Path(__file__).parents[1] / "completions" / "loco.bash"
# A shell that has the completions already, as readline calls them: the microseconds of so many TABs.
TAB = """\
source "$1"
COMP_WORDS=($2 "$3")
((COMP_CWORD = ${#COMP_WORDS[@]} - 1))
_loco
[[ ${COMPREPLY[0]} ]] || exit 1
began=$EPOCHREALTIME
for ((i = 0; i < $4; i++)); do _loco; done
ended=$EPOCHREALTIME
echo $((${ended/[.,]/} - ${began/[.,]/}))
"""
LIMITS = {"loco --version": 2.5, "loco --help": 6.0, "TAB, a command or option": 0.5, "TAB, the name of an app": 1.0}


def measure() -> Iterator[Row]:
    loco, bare = BIN / "loco", "python -c pass"
    with tempfile.TemporaryDirectory(prefix="loco-bench-") as name:
        home = Path(name)
        seen = home / "loco" / "names"
        seen.mkdir(parents=True)
        (seen / "app").write_text("".join(f"app{number}\n" for number in range(NAMES)))
        # As for whoever has installed it: bytecode may be written, and is there from the second time on.
        env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        ways: dict[str, Callable[[], float]] = {
            bare: partial(seconds, process(sys.executable, "-c", "pass", env=env)),
            "loco --version": partial(seconds, process(loco, "--version", env=env)),
            "loco --help": partial(seconds, process(loco, "--help", env=env)),
            "TAB, a command or option": partial(tab, home, "loco deploy", "--"),
            "TAB, the name of an app": partial(tab, home, "loco logs --app", ""),
        }
        others = {"docker": on_path(), "kubectl": [path] if (path := shutil.which("kubectl")) else []}
        for tool, paths in others.items():
            if paths:
                version = ("version", "--client") if tool == "kubectl" else ("--version",)
                ways[f"{tool} {' '.join(version)}"] = partial(seconds, process(paths[0], *version))
                ways[f"{tool} --help"] = partial(seconds, process(paths[0], "--help"))
        times = {name: each * 1000 for name, each in in_turn(ways, ROUNDS).items()}
    for name, limit in LIMITS.items():
        yield Measured(f"{name} / {bare}", times[name], times[bare], limit, "ms")
    for tool, paths in others.items():
        if not paths:
            yield NotMeasured(f"loco --version, --help / those of {tool}", f"no {tool} here")
        for name, raw in times.items():
            if name.startswith(tool):
                own = "loco --help" if "help" in name else "loco --version"
                yield Measured(f"{own} / {name}", times[own], raw, unit="ms")


def tab(home: Path, words: str, begun: str) -> float:
    """Give the seconds of one TAB: the mean of some."""
    done = subprocess.run(
        ["bash", "--norc", "-c", TAB, "bash", COMPLETIONS, words, begun, str(TABS)],
        check=True,
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "HOME": str(home), "XDG_CACHE_HOME": str(home), "LANG": "C.UTF-8"},
    )
    return int(done.stdout) / 1_000_000 / TABS
