"""A container ran and ended, when it should have served."""

import re
import signal
from collections.abc import Sequence

from loco_server.engines.explaining.made import DEPLOY, made
from loco_server.engines.explaining.starting import command
from loco_server.engines.facts import Ended, Given
from loco_spec.errors import Cause, Diagnosis

_SIGNALS = {
    signal.SIGABRT: "it gave up by itself: abort(), a failed assertion",
    signal.SIGBUS: "a bus error: memory that a file does not reach to any more",
    signal.SIGFPE: "a wrong calculation: a division by zero",
    signal.SIGHUP: "its terminal went away",
    signal.SIGILL: "an instruction that this processor does not have",
    signal.SIGINT: "interrupted, as by Ctrl-C",
    signal.SIGKILL: "killed from outside, or by the kernel for want of memory",
    signal.SIGPIPE: "it wrote to something that nobody reads any more",
    signal.SIGSEGV: "a segmentation fault: it touched memory that is not its own",
    signal.SIGTERM: "asked to end from outside",
}
_CODES = {
    1: "some error, the app's own",
    2: "often a wrong option or argument",
    126: "a command was found and cannot be run",
    127: "a command was not found",
    255: "-1, the app's own",
}
_RUNTIME = re.compile(
    r"(?:exec (?P<what>\S+)|standard_init_linux\.go:\d+: exec user process caused): "
    r"(?P<why>exec format error|no such file or directory|permission denied)"
)
"""What the runtime itself says in the app's place when the kernel does not run the command."""
_DENIED = re.compile(r"permission denied|\bEACCES\b|\bEPERM\b|operation not permitted", re.IGNORECASE)
_READ_ONLY = re.compile(r"read-only file system|\bEROFS\b", re.IGNORECASE)
_FULL = re.compile(r"no space left on device|\bENOSPC\b", re.IGNORECASE)


def ended(unit: Given, name: str, end: Ended, lines: Sequence[str] = (), *, phase: str = "starting") -> Diagnosis:
    """Explain it by the engine's record, and by what the app itself said last."""
    code = end.exit_code
    exit_code = ("exit code", exit_words(code))
    silent = "" if lines else ", and said nothing"
    if end.out_of_memory:
        limit = unit.memory_bytes >> 20
        message = f"{name} used more than its {limit} MiB of memory and was killed"
        hint = f'raise memory in [resources] of loco.toml, for example memory = "{limit * 2}Mi", {DEPLOY}'
        facts = (exit_code, ("memory limit", f"{limit} MiB"))
        return made(phase, "out-of-memory", message, hint, *facts, lines=lines)
    if code == 0:
        message = f"{name} ended with exit code 0{silent}: a service is to keep running"
        hint = f"let the image's command stay in the foreground, {DEPLOY}"
        return made(phase, "exited-zero", message, hint, exit_code, lines=lines)
    if lines and (match := _RUNTIME.fullmatch(lines[-1].strip())):
        return command(name, match["what"] or "of the image", match["why"], lines[-1].strip(), phase=phase)
    if code in {126, 127}:
        why, cause = ("cannot be run", _NOT_RUN) if code == 126 else ("does not exist", _NOT_FOUND)
        message = f"{name} ended with exit code {code}{silent}: a command that it ran {why}"
        hint = f"correct CMD in the Dockerfile or command in loco.toml, {DEPLOY}"
        return made(phase, cause, message, hint, exit_code, lines=lines)
    if (told := _told(unit, name, lines)) is not None:
        cause, message, hint = told
        by = ("runs as", f"user {unit.user}" if unit.user is not None else "")
        return made(phase, cause, message, hint, exit_code, by, lines=lines)
    if sig := _signal(code):
        message = f"{name} ended by a signal{silent}: exit code {code} ({sig.name})"
        hint = f"mend what its last lines tell of, {DEPLOY}"
        if sig is signal.SIGKILL:
            hint = f"see whether it needs more memory ([resources] of loco.toml), {DEPLOY}"
        return made(phase, "killed", message, hint, exit_code, lines=lines)
    message = f"{name} ended with exit code {code}{silent}"
    return made(phase, "exited", message, f"mend what its last lines tell of, {DEPLOY}", exit_code, lines=lines)


def restarting(unit: Given, name: str, end: Ended, restarts: int, lines: Sequence[str] = ()) -> Diagnosis:
    """Explain what was healthy, serves, and ends again and again."""
    found = ended(unit, name, end, lines, phase="running")
    message = f"{name} ends again and again (restarts: {restarts}); the last time it {found.message.partition(' ')[2]}"
    return found.model_copy(update={"cause": "crash-loop", "message": message})


def stuck(name: str, drain: float) -> Diagnosis:
    """Tell of an old instance that had to be killed. Its deployment went well all the same."""
    message = f"{name} did not end on SIGTERM within its {drain:g} s and was killed"
    hint = (
        "let the app end on SIGTERM: as a container's first process it needs a handler of its own for it, and a shell "
        "hands none on (exec the app); what takes longer needs a higher drain in [deploy] of loco.toml"
    )
    return made("draining", "stuck-drain", message, hint, ("drain", f"{drain:g} s"))


def exit_words(code: int) -> str:
    """`139 = 128 + 11, SIGSEGV: a segmentation fault …`."""
    if sig := _signal(code):
        said = _SIGNALS.get(sig, "")
        return f"{code} = 128 + {sig.value}, {sig.name}{f': {said}' if said else ''}"
    return f"{code}: {_CODES[code]}" if code in _CODES else str(code)


def _told(unit: Given, name: str, lines: Sequence[str]) -> tuple[Cause, str, str] | None:
    """Give what the app's own last lines say of why it ended."""
    for line in reversed(lines):
        if _READ_ONLY.search(line) and unit.read_only:
            message = f"{name} ended: it wrote to its file system, which is read-only"
            hint = f"let it write to /tmp only, or take read_only out of [security] in loco.toml, {DEPLOY}"
            return "read-only", message, hint
        if _FULL.search(line):
            message = f"{name} ended: there was no room left where it wrote"
            hint = f"let it write less (with read_only, /tmp has 64 MiB), {DEPLOY}; or ask the operator for room"
            return "disk-full", message, hint
        if _DENIED.search(line):
            who = "the user that it runs as" if unit.user is None else f"user {unit.user}"
            message = f"{name} ended: {who} may not do what it tried"
            hint = f"give the files to that user in the Dockerfile (COPY --chown=10001 …), {DEPLOY}"
            return "permission-denied", message, hint
    return None


def _signal(code: int) -> signal.Signals | None:
    try:
        return signal.Signals(code - 128) if code > 128 else None
    except ValueError:
        return None


_NOT_RUN: Cause = "command-not-executable"
_NOT_FOUND: Cause = "command-not-found"
