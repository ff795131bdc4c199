"""How a failure is shown: one screen for people, one object for programs."""

import json
import sys
from typing import Any

from loco_cli.ui.text import TAB, cells, safe, windowed
from loco_spec.errors import Diagnosis, FieldFault, LocoError


def defect(error: BaseException) -> LocoError:
    """Word what should not have happened."""
    return LocoError(
        f"this is a defect in loco: {type(error).__name__}: {error}",
        hint="run it again with LOCO_DEBUG=1 and report it",
    )


def show(error: LocoError, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(document(error)))
        return
    for line in lines(error):
        print(line, file=sys.stderr)


def document(error: LocoError) -> dict[str, Any]:
    """Give the object that a program reads."""
    problem = error.to_problem()
    kept: dict[str, Any] = {key: problem[key] for key in ("code", "hint", "fields", "diagnosis") if key in problem}
    return {"version": 1, "error": error.message, "exit_code": int(error.exit_code), **kept}


def lines(error: LocoError) -> list[str]:
    """Give the screen."""
    if error.diagnosis is not None:
        found = _diagnosis(error.message, error.diagnosis)
    else:
        first, *rest = error.message.splitlines() or [""]
        found = [f"error: {safe(first)}", *(f"  {safe(line)}" for line in rest)]
    for fault in error.fields:
        found += pointed(fault)
    if error.hint:
        found.append(f"next: {safe(error.hint)}")
    return found


def pointed(fault: FieldFault, *, mark: str = "") -> list[str]:
    """Give a fault with its place, its line and a caret under it; `mark`: what stands before the message."""
    words = f"{mark}{safe(fault.path)}: {safe(fault.message)}" if fault.path else f"{mark}{safe(fault.message)}"
    if fault.line is None or fault.column is None or fault.source is None:
        return [f"  {words}"]
    before = cells(safe(fault.source[: fault.column - 1]).expandtabs(TAB))
    under = safe(fault.source[: fault.column - 1 + (fault.width or 1)]).expandtabs(TAB)
    line, start, width = windowed(safe(fault.source).expandtabs(TAB), before, cells(under) - before)
    margin = f"{fault.line:>5} | "
    return [
        f"{safe(fault.file or '')}:{fault.line}:{fault.column}: {words}",
        margin + line,
        " " * (len(margin) - 2) + "| " + " " * start + "^" * max(1, width),
    ]


def _diagnosis(message: str, diagnosis: Diagnosis) -> list[str]:
    found = [f"error: {safe(message)}", f"  phase: {safe(diagnosis.phase)}, after {diagnosis.seconds:.1f} s"]
    if diagnosis.message != message:
        found += [
            f"  cause: {safe(line)}" if n == 0 else f"  {safe(line)}"
            for n, line in enumerate(diagnosis.message.splitlines())
        ]
    if diagnosis.lines:
        found.append("  its last lines:")
        found += [f"    {safe(line)}" for line in diagnosis.lines[-20:]]
    return found
