"""What loco writes on the engine's objects, and how it reads it back: names, labels, and the value made of them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from loco_server.engines.base import AppRef, Rollout
from loco_spec.names import LABEL_PREFIX

INSTALLATION = f"{LABEL_PREFIX}installation"
TEAM = f"{LABEL_PREFIX}team"
TEAM_ID = f"{LABEL_PREFIX}team-id"
APP = f"{LABEL_PREFIX}app"
APP_ID = f"{LABEL_PREFIX}app-id"
DEPLOYMENT = f"{LABEL_PREFIX}deployment"
ATTEMPT = f"{LABEL_PREFIX}attempt"
NUMBER = f"{LABEL_PREFIX}number"
DIGEST = f"{LABEL_PREFIX}digest"
ADDRESS = f"{LABEL_PREFIX}address"
DRAIN = f"{LABEL_PREFIX}drain-seconds"
ROLE = f"{LABEL_PREFIX}role"

BRIDGE_PREFIX = "loco-"
"""Before the name of every bridge: the fence matches interfaces by it. With an id of ten it makes the 15 of Linux."""

Role = Literal["app", "release"]
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Found:
    """One container of loco's, read from the engine's list."""

    id: str
    app: AppRef
    deployment: int
    attempt: int
    number: int
    """1, 2 … of the deployment's replicas; 0 for the release command."""
    digest: str
    address: str
    drain_seconds: float
    role: Role
    state: str
    """The engine's word: created, running, restarting, paused, exited, dead, removing."""
    created: int
    """Unix time, whole seconds."""

    @property
    def name(self) -> str:
        """`v12-1`, as people see it."""
        return instance_name(self.deployment, self.number)

    @property
    def running(self) -> bool:
        return self.state == "running"


def team_network(team_id: str) -> str:
    """The name of a team's network and of its bridge."""
    return f"{BRIDGE_PREFIX}{team_id}"


def instance_name(deployment: int, number: int) -> str:
    """`v12-1`; `v12-release` for number 0."""
    return f"v{deployment}-{number or 'release'}"


def container_name(app_id: str, deployment: int, number: int) -> str:
    """`loco-<app id>-v12-1`: unique in the engine, so that the same instance is never started twice."""
    return f"loco-{app_id}-{instance_name(deployment, number)}"


def image_digest(image: str) -> str:
    """Give the `sha256:…` in an image's name; empty when it has none."""
    match = _DIGEST.search(image)
    return match[0] if match else ""


def labels(installation: str, rollout: Rollout, number: int, address: str) -> dict[str, str]:
    """All that is later needed to know a container again, without any record elsewhere."""
    return {
        INSTALLATION: installation,
        TEAM: rollout.app.team,
        TEAM_ID: rollout.app.team_id,
        APP: rollout.app.app,
        APP_ID: rollout.app.app_id,
        DEPLOYMENT: str(rollout.deployment),
        ATTEMPT: str(rollout.attempt),
        NUMBER: str(number),
        DIGEST: image_digest(rollout.unit.image),
        ADDRESS: address,
        DRAIN: f"{rollout.unit.drain_seconds:g}",
        ROLE: "app" if number else "release",
    }


def found(listed: Mapping[str, Any]) -> Found | None:
    """Read one entry of the engine's list. None for a container whose labels are not whole: not one of loco's."""
    marks = listed.get("Labels") or {}
    try:
        return Found(
            id=str(listed["Id"]),
            app=AppRef(team=marks[TEAM], team_id=marks[TEAM_ID], app=marks[APP], app_id=marks[APP_ID]),
            deployment=int(marks[DEPLOYMENT]),
            attempt=int(marks[ATTEMPT]),
            number=int(marks[NUMBER]),
            digest=marks[DIGEST],
            address=marks[ADDRESS],
            drain_seconds=float(marks[DRAIN]),
            role="release" if marks[ROLE] == "release" else "app",
            state=str(listed["State"]),
            created=int(listed["Created"]),
        )
    except (KeyError, ValueError):
        return None
