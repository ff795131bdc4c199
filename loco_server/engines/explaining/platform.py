"""What the platform could not do, or did not let the app do."""

from collections.abc import Sequence

from loco_server.engines.explaining.made import AGAIN, SAID, disk_full, made
from loco_spec.errors import Diagnosis

_CHECK = "the operator compares the cluster's policies with: loco-server admin check"


def refused(what: str, said: str, phase: str = "starting") -> Diagnosis:
    """Explain the engine's no: a quota, a policy, a full disk; else in its own words."""
    if "no space left on device" in said:
        return disk_full(phase, what, said)
    if "exceeded quota" in said:
        found = said.partition("exceeded quota: ")[2] or said
        message = f"the quota of the namespace has no room for {what}"
        hint = "ask for less in [resources] or [scale] of loco.toml, or let the operator raise the quota"
        return made(phase, "quota-exceeded", message, hint, ("quota", found))
    if "violates PodSecurity" in said:
        message = f"the cluster's Pod Security refuses {what}"
        return made(phase, "pod-security", message, _CHECK, ("it violates", said.partition("violates ")[2]))
    if "denied the request" in said or "denied request" in said:
        message = f"a policy of the cluster refuses {what}"
        return made(phase, "admission-refused", message, _CHECK, ("the policy said", said))
    message = f"the engine refused {what}: {said[:SAID]}"
    return made(phase, "engine-refused", message, AGAIN)


def unschedulable(name: str, said: str) -> Diagnosis:
    message = f"no node of the cluster can take {name}"
    hint = "ask for less in [resources] of loco.toml, or let the operator add nodes"
    return made("starting", "unschedulable", message, hint, ("the scheduler said", said))


def evicted(name: str, said: str) -> Diagnosis:
    message = f"the node put {name} out: it took more of the node's disk or memory than it may"
    hint = "let the app write and hold less, or raise memory in [resources] of loco.toml; then run `loco deploy`"
    return made("starting", "evicted", message, hint, ("the node said", said))


def no_room(said: str) -> Diagnosis:
    return made("starting", "no-room", said, "the operator makes room, then run `loco deploy` again")


def edge_rejected(said: str) -> Diagnosis:
    message = f"the edge did not take the new routes: {said[:SAID]}"
    return made("switching", "edge-rejected", message, "run `loco deploy` again; the previous deployment serves on")


def release_late(limit: float, lines: Sequence[str] = ()) -> Diagnosis:
    message = f"the release command was still running after {limit:g} s and was killed"
    hint = "raise release_timeout in [deploy] of loco.toml, or make the command quicker"
    return made("releasing", "release-timeout", message, hint, ("release_timeout", f"{limit:g} s"), lines=lines)


def late(limit: float, *, ready: int, wanted: int, old: int) -> Diagnosis:
    """Explain a deadline that came with nothing wrong to be seen."""
    message = f"after {limit:g} s {ready} of {wanted} instances were ready and {old} old ones still there"
    hint = "raise timeout in [deploy] of loco.toml"
    return made("health", "probe-late", message, hint, ("timeout", f"{limit:g} s"))
