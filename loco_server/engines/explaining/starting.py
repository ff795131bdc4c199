"""A container that the engine could not start at all."""

import re

from loco_server.engines.explaining.made import DEPLOY, disk_full, made
from loco_server.engines.explaining.platform import refused
from loco_spec.errors import Diagnosis

_USER = re.compile(r"unable to find (user|group) ([^\s:]+)|has non-numeric (user) \(([^)]+)\)")
_EXEC = re.compile(r'exec: \\*"?(?P<what>[^"\\]+)\\*"?: (?P<why>.+)', re.DOTALL)
_WHY = re.compile(r"exec format error|permission denied|not found|no such file or directory|is a directory")
_OWN_USER = "use a number in the Dockerfile (USER 10001), or set user in [security] of loco.toml"


def not_started(name: str, said: str, reason: str = "") -> Diagnosis:
    """Explain it by the engine's answer; `reason`: its word for what went wrong, where it has one."""
    if match := _USER.search(said):
        kind, who = (match[1], match[2]) if match[1] else (match[3], match[4])
        file = "/etc/group" if kind == "group" else "/etc/passwd"
        message = f"{name} did not start: the image's {file} does not know its {kind} {who}"
        return made("starting", "user-missing", message, _OWN_USER, ("the engine said", said))
    if "runAsNonRoot" in said:
        message = f"{name} did not start: it would run as root"
        return made("starting", "runs-as-root", message, _OWN_USER, ("the engine said", said))
    if (found := not_run(said)) is not None:
        return command(name, *found, said)
    if "no space left on device" in said:
        return disk_full("starting", name, said)
    if reason == "CreateContainerConfigError":
        message = f"{name} did not start: something that it is configured with is not there"
        hint = "run `loco deploy` again: it is made anew"
        return made("starting", "config-missing", message, hint, ("the engine said", said))
    return refused(name, f"{reason}: {said}" if reason else said)


def not_run(said: str) -> tuple[str, str] | None:
    """Find in a runtime's words what the kernel would not run, and why; None: something else went wrong."""
    match = _EXEC.search(said)
    why = _WHY.search(match["why"]) if match else None
    return (match["what"], why[0]) if match and why else None


def command(name: str, what: str, why: str, said: str, *, phase: str = "starting") -> Diagnosis:
    """Explain a command that the kernel does not run; `said`: the runtime's words."""
    evidence = ("command", what), ("the runtime said", said)
    if why == "exec format error":
        message = f"{name} did not start: {what} is no program for this machine"
        hint = (
            "build it for the platform's processor ([build] platform), or give the script a first line such as "
            f"#!/bin/sh, {DEPLOY}"
        )
        return made(phase, "exec-format", message, hint, *evidence)
    hint = f"correct CMD or ENTRYPOINT in the Dockerfile, or command in loco.toml, {DEPLOY}"
    if why in {"permission denied", "is a directory"}:
        message = f"{name} did not start: the command {what} is not executable ({why})"
        return made(phase, "command-not-executable", message, hint, *evidence)
    # With an interpreter that is missing the kernel says that the script is.
    script = "; or it is, and what its first line (#!) names is not" if said.startswith("exec /") else ""
    message = f"{name} did not start: the command {what} is not found in the image{script}"
    return made(phase, "command-not-found", message, hint, *evidence)
