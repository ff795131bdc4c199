"""`scripts/bench [NAME …] [--json FILE]`: measure, print one table, and end with 1 where a limit is not met."""

import argparse
import importlib
import json
import os
import platform
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.measured import HEADER, Measured, NotMeasured, Row, document, line
from benchmarks.parts import MissingError

SUBJECTS = {
    "start": "the start of the command line",
    "context": "the build context",
    "build": "the build step",
    "deploy": "a deploy of examples/hello",
    "rollouts": "rollbacks, and requests while it is rolled out",
    "push": "pushes through the gateway",
    "requests": "requests to the server",
    "logs": "logs on one machine",
    "followed": "logs followed on Kubernetes",
    "applies": "the apply phase on Kubernetes",
}
"""By the name of their module here, which has a `measure` that gives rows as they are measured."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__.partition(":")[0] if __doc__ else "")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"what to measure: {', '.join(SUBJECTS)}; all of it")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was measured, too")
    asked = parser.parse_args()
    if unknown := set(asked.names) - SUBJECTS.keys():
        parser.error(f"there is no {', '.join(sorted(unknown))}; there is: {', '.join(SUBJECTS)}")
    print(HEADER, flush=True)
    found: dict[str, list[Row]] = {}
    try:
        for name in asked.names or SUBJECTS:
            print(f"\n{name}: {SUBJECTS[name]}", flush=True)
            found[name] = []
            for row in rows(name, importlib.import_module(f"benchmarks.{name}").measure):
                print(line(row), flush=True)
                found[name].append(row)
    finally:  # what was measured is not lost where a later subject fails
        if asked.json is not None:
            asked.json.write_text(json.dumps(document(found, machine()), indent=1) + "\n", encoding="utf-8")
    missed = [row for each in found.values() for row in each if isinstance(row, Measured) and not row.holds]
    print(f"\n{len(missed)} limits missed" if missed else "\nevery limit is met")
    return 1 if missed else 0


def rows(name: str, measure: Callable[[], Iterable[Row]]) -> Iterable[Row]:
    """Give what is measured, and why the rest is not."""
    try:
        yield from measure()
    except MissingError as e:
        yield NotMeasured(name, str(e))


def machine() -> dict[str, object]:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "system": platform.platform(),
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "load": os.getloadavg()[0],
    }


if __name__ == "__main__":
    sys.exit(main())
