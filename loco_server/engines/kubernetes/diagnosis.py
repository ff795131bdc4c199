"""From what the cluster tells to the one screen that explains a failed rollout. Pure."""

import re
import signal
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from loco_server.engines.base import Rollout
from loco_server.units import Unit
from loco_spec.errors import Cause, Diagnosis

if TYPE_CHECKING:
    from loco_server.engines.kubernetes.judging import Live, Waiting

LINES = 20
AGAIN = "run `loco deploy` again; if it stays, the operator finds more with: kubectl describe pod"


def ended(unit: Unit, name: str, state: Mapping[str, Any], seconds: float) -> Diagnosis:
    """Explain a container that ended when it should have served; `state`: ContainerStateTerminated."""
    code = int(state.get("exitCode", 0))
    reason = str(state.get("reason", ""))
    said = str(state.get("message", ""))
    if reason in {"StartError", "ContainerCannotRun"}:
        return not_created(name, reason, said, seconds)
    cause: Cause = "exited"
    if reason == "OOMKilled":
        limit = unit.memory_bytes >> 20
        cause, message = "out-of-memory", f"{name} used more than its {limit} MiB of memory and was killed"
        hint = f'raise memory in [resources] of loco.toml, for example memory = "{limit * 2}Mi", and run `loco deploy`'
    elif code == 0:
        message = f"{name} ended with exit code 0: a service is to keep running"
        hint = "let the image's command stay in the foreground, then run `loco deploy`"
    elif code in {126, 127}:
        why = "is not executable" if code == 126 else "does not exist"
        message = f"{name} ended with exit code {code}: a command that it ran {why}"
        hint = "correct CMD in the Dockerfile or command in loco.toml, then run `loco deploy`"
    else:
        number = int(state.get("signal") or (code - 128 if code > 128 else 0))
        by = f" ({_signal(number)})" if _signal(number) else ""
        message = f"{name} ended with exit code {code}{by}"
        hint = "mend what its last lines tell of, then run `loco deploy`"
    return _made("starting", seconds, cause, message, hint)


def not_created(name: str, reason: str, said: str, seconds: float) -> Diagnosis:
    """Explain a container that was never started; `reason` and `said` are the kubelet's."""
    hint = "correct CMD or ENTRYPOINT in the Dockerfile, or command in loco.toml, then run `loco deploy`"
    if "executable file not found" in said or "no such file or directory" in said:
        what = match[1] if (match := re.search(r'exec: \\?"([^"\\]+)', said)) else "of the image"
        message = f"{name} did not start: the command {what} is not found in the image"
        return _made("starting", seconds, "command-not-found", message, hint)
    if "permission denied" in said and "exec" in said:
        what = match[1] if (match := re.search(r'exec: \\?"([^"\\]+)', said)) else "of the image"
        message = f"{name} did not start: the command {what} is not executable (permission denied)"
        return _made("starting", seconds, "command-not-executable", message, hint)
    if "runAsNonRoot" in said:
        hint = "use a number in the Dockerfile (USER 10001), or set user in [security] of loco.toml"
        return _made("starting", seconds, "user-missing", f"{name} did not start: {said[:300]}", hint)
    if reason == "CreateContainerConfigError":
        message = f"{name} did not start: something that it is configured with is not there: {said[:300]}"
        return _made("starting", seconds, "config-missing", message, "run `loco deploy` again: it is made anew")
    return _made("starting", seconds, "engine-refused", f"the cluster refused {name}: {reason}: {said[:300]}", AGAIN)


_ABOUT_TO = re.compile(
    r'rpc error: code = \w+ desc = |failed to (?:pull(?: and unpack)? image|resolve (?:reference|image)) "[^"]+": ',
    re.IGNORECASE,
)


def pull(rollout: Rollout, said: str, seconds: float) -> Diagnosis:
    """Explain a pull that failed, in the registry's own words: the runtime says before them what it was about to do."""
    text = _ABOUT_TO.sub("", said)
    message = f"the image of v{rollout.deployment} cannot be pulled: {text[:400]}"
    return _made("pulling", seconds, "pull-failed", message, "run `loco deploy` again: it pushes the image anew")


def unschedulable(name: str, said: str, seconds: float) -> Diagnosis:
    message = f"no node of the cluster can take {name}: {said[:300]}"
    hint = "ask for less in [resources] of loco.toml, or let the operator add nodes"
    return _made("starting", seconds, "unschedulable", message, hint)


def pod_refused(rollout: Rollout, said: str, seconds: float) -> Diagnosis:
    """Explain why no pod could be made at all: quota, Pod Security, a webhook."""
    version = f"v{rollout.deployment}"
    if "exceeded quota" in said:
        what = said.partition("exceeded quota: ")[2] or said
        hint = "ask for less in [resources] or [scale] of loco.toml, or let the operator raise the quota"
        message = f"the quota of the namespace has no room for {version}: {what[:300]}"
        return _made("starting", seconds, "quota-exceeded", message, hint)
    if "violates PodSecurity" in said:
        message = f"the cluster's Pod Security refuses {version}: {said.partition('violates ')[2][:300]}"
        hint = "the operator compares the cluster's policies with: loco-server admin check"
        return _made("starting", seconds, "pod-security", message, hint)
    return _made("starting", seconds, "engine-refused", f"the cluster refused {version}: {said[:300]}", AGAIN)


def unhealthy(unit: Unit, name: str, said: str, seconds: float) -> Diagnosis:
    """Explain what runs and was never ready; `said`: the kubelet's last event of the probe."""
    port, path = unit.probe.port, unit.probe.path
    cause: Cause
    if match := re.search(r"statuscode: (\d+)", said):
        cause, message = "probe-status", f"{name} answered GET {path} with {match[1]}"
        hint = "let the path answer 200-399, or correct path in [health] of loco.toml"
    elif match := re.search(r"redirect.*?(https?://\S+)", said):
        cause, message = "probe-redirect", f"{name} answered GET {path} and sent the probe elsewhere: {match[1][:200]}"
        hint = "set path in [health] of loco.toml to one that answers without leaving the host"
    elif "connection refused" in said:
        cause = "probe-refused"
        message = f"{name} runs, but nothing answers on port {port} of its own address"
        hint = f"let the app listen on 0.0.0.0:{port}, or set port in loco.toml to the one that it listens on"
    elif "Timeout" in said or "deadline exceeded" in said or "timeout" in said:
        cause, message = "probe-no-answer", f"{name} takes connections on port {port}, but does not answer in time"
        hint = "see the last lines; a slow answer needs a higher timeout in [health] of loco.toml"
    elif said:
        cause, message = "probe-no-answer", f"{name} is not healthy: {said[:300]}"
        hint = "see the last lines, and [health] of loco.toml"
    else:
        cause, message = "probe-late", f"{name} was not healthy in time"
        hint = "raise grace in [health] or timeout in [deploy] of loco.toml"
    return _made("health", seconds, cause, message, hint)


def late(verdict: "Live | Waiting", limit: float, seconds: float) -> Diagnosis:
    """Explain a deadline that came with nothing wrong to be seen."""
    wanted, ready, old = (getattr(verdict, name, 0) for name in ("wanted", "ready", "old"))
    message = f"after {limit:g} s {ready} of {wanted} instances were ready and {old} old ones still there"
    return _made("health", seconds, "probe-late", message, "raise timeout in [deploy] of loco.toml")


def refused(version: str, said: str, seconds: float, *, phase: str = "starting") -> Diagnosis:
    """Explain a no of the API that has no words of its own here."""
    message = f"the cluster refused {version}: {said[:400]}"
    return _made(phase, seconds, "engine-refused", message, "the operator compares with: loco-server admin check")


def too_large(rollout: Rollout, size: int, most: int) -> Diagnosis:
    message = f"the command of v{rollout.deployment} is too large: {size >> 10} KiB with all else, {most >> 10} at most"
    hint = "put the command into a script in the image, and name the script in loco.toml; then run `loco deploy`"
    return _made("starting", 0, "engine-refused", message, hint)


def route_refused(host: str, said: str, seconds: float) -> Diagnosis:
    message = f"the gateway does not take the route of {host}: {said[:300]}"
    return _made("switching", seconds, "edge-rejected", message, "the operator looks at: loco-server admin check")


def release_late(limit: float, seconds: float) -> Diagnosis:
    return _made(
        "releasing",
        seconds,
        "release-timeout",
        f"the release command was still running after {limit:g} s and was killed",
        "raise release_timeout in [deploy] of loco.toml, or make the command quicker",
    )


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name if number else ""
    except ValueError:
        return ""


def _made(phase: str, seconds: float, cause: Cause, message: str, hint: str) -> Diagnosis:
    return Diagnosis(phase=phase, seconds=round(seconds, 1), cause=cause, message=message, hint=hint)
