"""What a server answers, with what a test does not care about filled in."""

from datetime import UTC, datetime
from typing import Any

from loco_spec import api
from loco_spec.audit import AuditEvent
from loco_spec.errors import Diagnosis, Fact
from loco_spec.events import DeploymentEvent, LogBatch, LogLine

NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
DIGEST = "sha256:" + "d" * 64
IMAGE = "sha256:" + "1" * 64
APP = "/v1/teams/ann/apps/shop"
DEPLOYMENTS = f"{APP}/deployments"
APP = "/v1/teams/ann/apps/shop"

THE_SERVER = api.Server(
    version="1.2.3",
    minimum_version="1.0.0",
    providers=("local",),
    domain="localhost",
    edge="http://127.0.0.1:7080",
    registry="127.0.0.1:7081",
)

DIAGNOSIS = Diagnosis(
    phase="health",
    seconds=3.5,
    total=5.0,
    cause="wrong-port",
    message="it listens on 3000, and loco.toml says 8080",
    hint="port = 3000",
    evidence=(Fact(name="listens on", text="0.0.0.0:3000"),),
    lines=("ready on :3000",),
)


def me(**more: Any) -> api.Me:
    return api.Me(**{"user": "ann", "teams": (api.Team(name="ann", role="owner"),), "default_team": "ann", **more})


def deployment(state: str = "live", number: int = 3, **more: Any) -> api.Deployment:
    given = {"team": "ann", "app": "shop", "created_by": "ann", "created_at": NOW, "urls": ("http://shop.localhost",)}
    return api.Deployment(state=state, number=number, **{**given, **more})


def status(**more: Any) -> api.AppStatus:
    return api.AppStatus(team="ann", app="shop", **more)


def created(state: str = "created", number: int = 3, **more: Any) -> api.DeploymentCreated:
    return api.DeploymentCreated(**{"deployment": deployment(state, number, urls=()), "ticket": ticket(), **more})


def ticket() -> api.PushTicket:
    return api.PushTicket(
        registry="127.0.0.1:7081",
        repository="ann/shop-abc",
        tag="v3",
        username="ticket",
        password="the push ticket",
        expires_at=NOW,
    )


def event(number: int, text: str = "", kind: str = "step", **detail: Any) -> DeploymentEvent:
    return DeploymentEvent(number=number, at=NOW, kind=kind, message=text or f"step {number}", detail=detail)


def batch(position: str, *texts: str, note: str | None = None) -> LogBatch:
    lines = tuple(
        LogLine(instance="v3-1", deployment=3, at="2030-01-02T03:04:05.678901234Z", text=text) for text in texts
    )
    return LogBatch(position=position, lines=lines, note=note)


def change(number: int, **more: Any) -> AuditEvent:
    given = {"at": NOW, "actor": "ann", "action": "deployment.create", "subject": "shop v1", "address": "10.0.0.1"}
    return AuditEvent(id=number, **{**given, "outcome": "done", **more})
