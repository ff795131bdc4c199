"""What the tests of `loco deploy` share: a folder, an engine, and the server's part of each step."""

import json
from typing import Any

import pytest

from loco_spec import api
from tests.loco_cli.build.docker import Docker
from tests.loco_cli.samples import DEPLOYMENTS, THE_SERVER, created, deployment, event, me
from tests.loco_cli.server import END, Server, message

ENGINE = ("--builder", "engine")
V3 = f"{DEPLOYMENTS}/3"
URL = "https://shop.example.com"
ON_THE_WAY = """\
v3 of shop (team ann)
built: 0 steps, 0 cached
image ready (0.0 s)
pushing
pushed 0 B, 1 of 1 layer new (0.0 s)
v3: rolling out
"""


def use(monkeypatch: pytest.MonkeyPatch, docker: Docker) -> Docker:
    """Let that be the person's engine."""
    monkeypatch.setattr("loco_cli.build.engine.connect", docker.engine)
    return docker


def takes(server: Server, made: api.DeploymentCreated | None = None, *, signed_in_as: str | None = "ann") -> None:
    """The server's part until an image is wanted; the person's own team is asked for where none is named."""
    if signed_in_as is not None:
        server.answers("GET /v1/me", me(user=signed_in_as))
    server.answers("GET /v1/server", THE_SERVER, is_optional=True)  # where an image was made
    server.answers(f"POST {DEPLOYMENTS}", made or created())
    server.answers(f"PUT {V3}/build-log", is_optional=True)  # where something was built


def rolls(server: Server, end: api.Deployment | None = None) -> None:
    server.answers(f"POST {V3}/image", deployment("accepted"))
    server.streams(f"{V3}/events", message("event", event(1, "rolling out"), number=1), END)
    server.answers(f"GET {V3}", end or deployment("live", urls=(URL,)))


def cancels(server: Server) -> None:
    server.answers(f"POST {V3}/cancel", deployment("cancelled", reason="cancelled; nothing was changed"))


def sent(server: Server, path: str) -> list[Any]:
    """What was posted there, each time."""
    requests = server.mock.get_requests(method="POST", url=server.url + path)
    return [json.loads(request.content) for request in requests]
