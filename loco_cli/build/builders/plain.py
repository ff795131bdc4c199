"""BuildKit's `--progress=plain`: `#5 [2/4] RUN make`, `#5 0.31 text`, `#5 CACHED`, `#5 DONE 0.4s`, `#5 ERROR: …`."""

import re

from loco_cli.build.progress import Progress

_STEP = re.compile(r"#(?P<key>\d+) (?P<rest>.*)")
_DONE = re.compile(r"DONE (?P<seconds>[\d.]+)s")
_UNENDED = re.compile(r"(?P<text>.*)(?P<end>#(?P<key>\d+) (?:DONE [\d.]+s|CANCELED|ERROR: .*))")
"""A step's last line, when the step did not end it itself."""
_OUTPUT = re.compile(r"(?P<seconds>\d+\.\d+) (?P<text>.*)")
_MOVED = re.compile(
    r"(?P<part>transferring \w+:|sha256:[0-9a-f]+) (?P<current>[\d.]+[kMGTP]?B)(?: / (?P<total>[\d.]+[kMGTP]?B))?\b.*"
)
_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15}


def read(line: str, progress: Progress) -> None:
    """Pass on what a line tells."""
    match = _STEP.fullmatch(line)
    if match is None:
        return
    key, rest = match["key"], match["rest"]
    if rest == "CACHED":
        progress.end(key, "cached", seconds=0.0)
    elif rest == "CANCELED":
        progress.end(key, "cancelled")
    elif done := _DONE.fullmatch(rest):
        progress.end(key, "done", seconds=float(done["seconds"]))
    elif rest.startswith("ERROR: "):
        progress.end(key, "failed", error=rest.removeprefix("ERROR: "))
    elif output := _OUTPUT.fullmatch(rest):
        unended = _UNENDED.fullmatch(output["text"])
        if unended is not None and unended["key"] == key:
            progress.output(key, unended["text"] + "\n")
            read(unended["end"], progress)
        else:
            progress.output(key, output["text"] + "\n")
    elif moved := _MOVED.fullmatch(rest):
        progress.moved(key, moved["part"], _bytes(moved["current"]), _bytes(moved["total"]))
    elif not rest.startswith("sha256:"):
        progress.step(key, rest)


def reason(said: list[str]) -> str:
    """Give the last thing that the CLI said about a failure."""
    for line in reversed(said):
        text = line.strip()
        if text and not text.startswith(("------", ">", "#", "{")):
            return text.removeprefix("ERROR: ")
    return "the docker CLI gave no reason"


def _bytes(text: str | None) -> int:
    """`3.05kB` is 3050; nothing is 0."""
    if text is None:
        return 0
    number = text.removesuffix("B")
    unit = number[-1] if number[-1].isalpha() else ""
    return round(float(number.removesuffix(unit)) * _UNITS[unit])
