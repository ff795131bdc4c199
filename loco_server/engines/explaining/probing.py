"""A container that runs, and was never healthy."""

from collections.abc import Collection, Sequence

from loco_server.engines.explaining.made import made
from loco_server.engines.facts import BadStatus, ForeignRedirect, Listener, NotHttp, Outcome, Unreachable
from loco_server.units import Unit
from loco_spec.errors import Cause, Diagnosis

Fact = tuple[str, str]


def unhealthy(
    unit: Unit,
    name: str,
    outcome: Outcome | None,
    listeners: Collection[Listener] | None = None,
    lines: Sequence[str] = (),
) -> Diagnosis:
    """Explain it by the last answer to the probe (None: there was none); `listeners`: None where nobody can look."""
    cause: Cause
    facts: tuple[Fact, ...] = ()
    match outcome:
        case BadStatus(path, status, body, reason):
            facts = ("asked", _asked(unit, path)), ("answer", f"HTTP {status} {reason}".strip()), ("body", body or "")
            empty = ", without a body" if body == "" else ""
            cause, message = "probe-status", f"{name} answered GET {path} with {status}{empty}"
            hint = "let the path answer 200-399, or correct path in [health] of loco.toml"
        case ForeignRedirect(path, given, location):
            cause = "probe-redirect"
            answer = f"HTTP {given}, " if given else ""
            facts = ("asked", _asked(unit, path)), ("answer", f"{answer}Location: {location}")
            message = f"{name} answered GET {path} by sending the probe elsewhere"
            hint = "set path in [health] of loco.toml to one that answers without leaving the host"
        case NotHttp(port, answer, tls=True):
            cause, message = "probe-tls", f"{name} speaks HTTPS on port {port}, and is asked in HTTP"
            facts = ("asked", _asked(unit)), ("answer", answer)
            hint = "let the app speak plain HTTP on its port: the platform's edge does TLS before it"
        case NotHttp(port, answer):
            cause, message = "probe-not-http", f"{name} answers on port {port}, but not in HTTP"
            facts = ("asked", _asked(unit)), ("answer", answer)
            hint = 'take path out of [health] of loco.toml (protocol = "tcp"), or set port to the one that speaks HTTP'
        case Unreachable(port, reason, answered=True):
            cause, message = "probe-no-answer", f"{name} takes connections on port {port}, but: {reason}"
            facts = ("asked", _asked(unit)), ("timeout", f"{unit.probe.timeout:g} s")
            hint = "see the last lines; a slow answer needs a higher timeout in [health] of loco.toml"
        case Unreachable(port, reason, answered=False):
            cause, message, hint, facts = _not_reached(name, port, reason, listeners)
        case _:
            cause, message = "probe-late", f"{name} was not healthy in time"
            facts = (("grace", f"{unit.probe.grace:g} s"),)
            hint = "raise grace in [health] or timeout in [deploy] of loco.toml"
    return made("health", cause, message, hint, *facts, lines=lines)


def _asked(unit: Unit, path: str | None = None) -> str:
    return f"GET {path or unit.probe.path or '/'} on port {unit.probe.port}"


def _not_reached(
    name: str, port: int, reason: str, listeners: Collection[Listener] | None
) -> tuple[Cause, str, str, tuple[Fact, ...]]:
    expected = ("expected", f"port {port} of its own address: {reason}")
    if listeners is None:
        message = f"{name} runs, but nothing answers on port {port} of its own address"
        hint = f"let the app listen on 0.0.0.0:{port}, or set port in loco.toml to the one that it listens on"
        return "probe-refused", message, hint, (expected,)
    if not listeners:
        message = f"{name} runs but listens on no port at all; port {port} was expected to answer"
        hint = f"let the app listen on 0.0.0.0:{port}; if it only starts slowly, raise grace in [health] of loco.toml"
        return "not-listening", message, hint, (("listens on", "nothing"), expected)
    ordered = sorted(listeners, key=lambda each: (each.loopback_only, each.port, str(each)))
    found = ("listens on", ", ".join(map(str, ordered)))
    first = ordered[0]
    if all(each.loopback_only for each in ordered if each.port == port) and any(e.port == port for e in ordered):
        here = next(each for each in ordered if each.port == port)
        message = f"{name} listens on {here} only, which cannot be reached from outside its container"
        return "loopback-only", message, f"let the app bind to 0.0.0.0:{port} instead of {here}", (found, expected)
    message = f"{name} listens on {first}; port {port} was expected to answer"
    hint = f"set `port = {first.port}` in loco.toml, or let the app listen on 0.0.0.0:{port}"
    if first.loopback_only:
        hint = f"let the app bind to 0.0.0.0:{port}, or bind to 0.0.0.0 and set `port = {first.port}` in loco.toml"
    return "wrong-port", message, hint, (found, expected)
