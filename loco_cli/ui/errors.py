"""How a failure is shown: one screen for people, one object for programs."""

import json
import sys
from typing import Any

from loco_cli.ui import actions
from loco_cli.ui.text import TAB, cells, columns, safe, windowed, wrapped
from loco_spec.api import Deployment
from loco_spec.diagnosis import NOTES
from loco_spec.errors import DeploymentFailed, Diagnosis, FieldFault, LocoError, Superseded


def defect(error: BaseException) -> LocoError:
    """Word what should not have happened."""
    return LocoError(
        f"this is a defect in loco: {type(error).__name__}: {error}",
        hint="run it again with LOCO_DEBUG=1 and report it",
    )


def never_served(item: Deployment) -> LocoError:
    """Give what a deployment that never served ended with."""
    if item.state == "superseded":
        return Superseded(f"v{item.number} was superseded: {item.reason}", hint="loco status")
    reason = item.reason or item.state
    message = f"v{item.number} {item.state}: {reason.splitlines()[0]}"
    hint = item.diagnosis.hint if item.diagnosis is not None else "loco deploy"
    return DeploymentFailed(message, hint=hint, diagnosis=item.diagnosis)


def show(error: LocoError, *, as_json: bool) -> None:
    """Print it; one without words, of something that was to last until Ctrl-C, not at all."""
    if not error.message:
        return
    if as_json:
        print(json.dumps(document(error)))
        return
    screen = lines(error, columns(sys.stderr))
    if actions.here():
        screen = [*map(actions.harmless, screen), *actions.annotations(error)]
    for line in screen:
        print(line, file=sys.stderr)


def document(error: LocoError) -> dict[str, Any]:
    """Give the object that a program reads."""
    problem = error.to_problem()
    always = {"code": error.code, "message": error.message, "hint": error.hint, "fields": problem.get("fields", [])}
    more = {key: problem[key] for key in ("diagnosis", "retry_after") if key in problem}
    return {"version": 1, "error": {**always, **more}, "exit_code": int(error.exit_code)}


def lines(error: LocoError, width: int | None = None) -> list[str]:
    """Give the screen; `width`: of the terminal, where it is one."""
    if error.diagnosis is not None:
        found = explained(error.message, error.diagnosis, width)
    else:
        first, *rest = error.message.splitlines() or [""]
        screen = [f"error: {safe(first)}", *(f"  {safe(line)}" for line in rest)]
        found = [part for line in screen for part in wrapped(line, width)]
    for fault in error.fields:
        found += pointed(fault, width)
    if error.hint:
        found += wrapped(f"next: {safe(error.hint)}", width)
    return found


def pointed(fault: FieldFault, width: int | None = None, *, mark: str = "") -> list[str]:
    """Give a fault with its place, its line and a caret under it; `mark`: what stands before the message."""
    words = f"{mark}{safe(fault.path)}: {safe(fault.message)}" if fault.path else f"{mark}{safe(fault.message)}"
    if fault.line is None or fault.column is None or fault.source is None:
        return wrapped(f"  {words}", width)
    before = cells(safe(fault.source[: fault.column - 1]).expandtabs(TAB))
    under = safe(fault.source[: fault.column - 1 + (fault.width or 1)]).expandtabs(TAB)
    line, start, long = windowed(safe(fault.source).expandtabs(TAB), before, cells(under) - before)
    margin = f"{fault.line:>5} | "
    return [
        *wrapped(f"{safe(fault.file or '')}:{fault.line}:{fault.column}: {words}", width),
        margin + line,
        " " * (len(margin) - 2) + "| " + " " * start + "^" * max(1, long),
    ]


def explained(message: str, diagnosis: Diagnosis, width: int | None = None, *, mark: str = "error") -> list[str]:
    """Give the screen of a diagnosis, but for its hint."""
    found = [f"{mark}: {safe(message)}", *short(diagnosis)]
    first, *rest = diagnosis.message.splitlines() or [""]
    found += [] if first in message else [f"  {safe(first)}"]
    found += [f"  {safe(line)}" for line in rest]
    for fact in diagnosis.evidence:
        one, *more = fact.text.splitlines() or [""]
        found += [f"  {safe(fact.name)}: {safe(one)}", *(f"    {safe(line)}" for line in more)]
    found = [part for line in found for part in wrapped(line, width)]
    if diagnosis.lines:
        found.append("  its last lines:")
        found += [f"    {safe(line)}" for line in diagnosis.lines[-20:]]
    return found


def told(item: Deployment, found: Diagnosis, width: int | None = None) -> list[str]:
    """Give the screen of what is wrong with a deployment that serves all the same."""
    mark = "note" if found.cause in NOTES else "error"
    screen = explained(f"v{item.number} is {item.state}, but {found.message}", found, width, mark=mark)
    return screen + wrapped(f"next: {safe(found.hint)}", width)


def short(diagnosis: Diagnosis) -> list[str]:
    """Give where it failed, after how long, and the word for why, which `loco docs` explains."""
    after = f", after {diagnosis.seconds:.1f} s" if diagnosis.seconds or diagnosis.total is not None else ""
    whole = "" if diagnosis.total is None else f" ({diagnosis.total:.1f} s since the rollout began)"
    return [f"  phase: {safe(diagnosis.phase)}{after}{whole}", f"  cause: {safe(diagnosis.cause)}"]
