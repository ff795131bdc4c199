"""From facts to the one screen that explains a failed rollout. Pure."""

import re
import signal
from collections.abc import Sequence
from dataclasses import dataclass

from loco_server.engines.docker import health
from loco_server.engines.docker.listening import Listener
from loco_server.units import Unit
from loco_spec.errors import Cause, Diagnosis

LINES = 20


@dataclass(frozen=True)
class Ended:
    """How a container ended, from the engine's record."""

    exit_code: int
    out_of_memory: bool


def exited(unit: Unit, name: str, ended: Ended, lines: Sequence[str], seconds: float) -> Diagnosis:
    """The container ran and ended, when it should have served."""
    code = ended.exit_code
    said = "what it said last stands below" if lines else "it said nothing"
    cause: Cause = "exited"
    if ended.out_of_memory:
        limit = unit.memory_bytes >> 20
        cause, message = "out-of-memory", f"{name} used more than its {limit} MiB of memory and was killed"
        hint = f'raise memory in [resources] of loco.toml, for example memory = "{limit * 2}Mi", and run `loco deploy`'
    elif code == 0:
        message = f"{name} ended with exit code 0: a service is to keep running; {said}"
        hint = "let the image's command stay in the foreground, then run `loco deploy`"
    elif code in {126, 127}:
        why = "is not executable" if code == 126 else "does not exist"
        message = f"{name} ended with exit code {code}: a command that it ran {why}; {said}"
        hint = "correct CMD in the Dockerfile or command in loco.toml, then run `loco deploy`"
    else:
        name_of_signal = _signal(code)
        by = f" ({name_of_signal})" if name_of_signal else ""
        message = f"{name} ended with exit code {code}{by}; {said}"
        hint = "mend what its last lines tell of, then run `loco deploy`"
    return _made("starting", seconds, cause, message, hint, lines)


def not_started(name: str, said: str, seconds: float) -> Diagnosis:
    """The engine could not start the container at all; `said` is its answer."""
    if "unable to find user" in said or "unable to find group" in said:
        match = re.search(r"unable to find (user|group) ([^\s:]+)", said)
        who = f"{match[1]} {match[2]}" if match else "the user"
        return _made(
            "starting",
            seconds,
            "user-missing",
            f"{name} did not start: the image has no {who} in its /etc/passwd or /etc/group",
            "use a number in the Dockerfile (USER 10001), or set user in [security] of loco.toml",
        )
    if match := re.search(r'exec: \\*"?(?P<command>[^"\\]+)\\*"?: (?P<why>[^:]+(: no such file or directory)?)', said):
        why = "permission denied" if "permission denied" in said else "not found in the image"
        return _made(
            "starting",
            seconds,
            "command-not-found" if "permission" not in why else "command-not-executable",
            f"{name} did not start: the command {match['command']} is {why}"
            if "permission" not in why
            else f"{name} did not start: the command {match['command']} is not executable ({why})",
            "correct CMD or ENTRYPOINT in the Dockerfile, or command in loco.toml, then run `loco deploy`",
        )
    return refused(name, said, seconds)


def refused(name: str, said: str, seconds: float, *, phase: str = "starting") -> Diagnosis:
    """The engine said no for a reason that has no words of its own here."""
    return _made(
        phase,
        seconds,
        "engine-refused",
        f"the engine refused {name}: {said[:300]}",
        "run `loco deploy` again; if it stays, the operator finds more in the engine's own log",
    )


def unhealthy(
    name: str,
    outcome: health.Outcome,
    listeners: frozenset[Listener] | None,
    lines: Sequence[str],
    seconds: float,
) -> Diagnosis:
    """It runs, and never became healthy."""
    cause: Cause
    match outcome:
        case health.BadStatus(path, status, body):
            tail = f": {body}" if body else ", without a body"
            cause, message = "probe-status", f"{name} answered GET {path} with {status}{tail}"
            hint = "let the path answer 200-399, or correct path in [health] of loco.toml"
        case health.ForeignRedirect(path, status, location):
            cause = "probe-redirect"
            message = f"{name} answered GET {path} with {status} and sent the probe elsewhere: {location[:200]}"
            hint = "set path in [health] of loco.toml to one that answers without leaving the host"
        case health.Unreachable(port, reason, answered=True):
            cause, message = "probe-no-answer", f"{name} takes connections on port {port}, but: {reason}"
            hint = "see the last lines; a slow answer needs a higher timeout in [health] of loco.toml"
        case health.Unreachable(port, reason, answered=False):
            cause, message, hint = _not_reached(name, port, reason, listeners)
        case _:
            cause, message = "probe-late", f"{name} was not healthy in time"
            hint = "raise grace in [health] or timeout in [deploy] of loco.toml"
    return _made("health", seconds, cause, message, hint, lines)


def _not_reached(name: str, port: int, reason: str, listeners: frozenset[Listener] | None) -> tuple[Cause, str, str]:
    expected = f"port {port} was expected to answer ({reason})"
    if listeners is None:
        return "probe-refused", f"{name}: {expected}", f"let the app listen on 0.0.0.0:{port}"
    here = sorted(str(listener) for listener in listeners if listener.port == port and listener.loopback_only)
    if here and not any(listener.port == port and not listener.loopback_only for listener in listeners):
        return (
            "loopback-only",
            f"{name} listens on {', '.join(here)} only, which cannot be reached from outside its container; {expected}",
            f"let the app bind to 0.0.0.0:{port} instead of {here[0]}",
        )
    open_ports = sorted({listener for listener in listeners if not listener.loopback_only}, key=lambda each: each.port)
    if open_ports:
        named = ", ".join(str(listener) for listener in open_ports)
        return (
            "wrong-port",
            f"{name} listens on {named}; {expected}",
            f"set `port = {open_ports[0].port}` in loco.toml, or let the app listen on 0.0.0.0:{port}",
        )
    if listeners:
        named = ", ".join(sorted(str(listener) for listener in listeners))
        first = min(listener.port for listener in listeners)
        return (
            "wrong-port",
            f"{name} listens on {named} only; {expected}",
            f"let the app bind to 0.0.0.0:{port}, or bind to 0.0.0.0 and set `port = {first}` in loco.toml",
        )
    return (
        "not-listening",
        f"{name} runs but listens on no port at all; {expected}",
        f"let the app listen on 0.0.0.0:{port}; if it only starts slowly, raise grace in [health] of loco.toml",
    )


def edge_rejected(said: str, seconds: float) -> Diagnosis:
    return _made(
        "switching",
        seconds,
        "edge-rejected",
        f"the edge did not take the new routes: {said}",
        "run `loco deploy` again; the previous deployment serves on",
    )


def pull_late(limit: float, seconds: float) -> Diagnosis:
    return _made(
        "pulling",
        seconds,
        "pull-timeout",
        f"the image was not pulled within the {limit:g} s of the deployment",
        "raise timeout in [deploy] of loco.toml, or make the image smaller",
    )


def release_late(limit: float, lines: Sequence[str], seconds: float) -> Diagnosis:
    return _made(
        "releasing",
        seconds,
        "release-timeout",
        f"the release command was still running after {limit:g} s and was killed",
        "raise release_timeout in [deploy] of loco.toml, or make the command quicker",
        lines,
    )


def no_room(said: str, seconds: float) -> Diagnosis:
    return _made("starting", seconds, "no-room", said, "the operator makes room, then run `loco deploy` again")


def _signal(code: int) -> str:
    if code <= 128:
        return ""
    try:
        return signal.Signals(code - 128).name
    except ValueError:
        return ""


def _made(phase: str, seconds: float, cause: Cause, message: str, hint: str, lines: Sequence[str] = ()) -> Diagnosis:
    return Diagnosis(
        phase=phase, seconds=round(seconds, 1), cause=cause, message=message, hint=hint, lines=tuple(lines)[-LINES:]
    )
