"""What the contract suite of engines runs on: a world with one engine, an edge, a keeper of logs, and small apps."""

import asyncio
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import docker

from loco_server.edge.base import EdgeApp, EdgeRejectedError
from loco_server.engines.base import AppRef, PullCredential, Rollout
from loco_server.units import Probe, Unit, UnitPort, UnitRoute
from loco_spec.events import LogLine
from loco_spec.names import new_id
from tests import images

MIB = 1 << 20

# Serves /www on a port, forwards SIGTERM, and says what it does. Other behaviour is asked for by command.
RUN = b"""#!/bin/sh
trap 'echo bye; exit 0' TERM
echo "listening on $1"
httpd -f -p "$1" -h /www &
wait
"""
DOCKERFILE = """FROM loco-test/base:1
COPY run.sh /run.sh
COPY www /www
USER 10001
CMD ["/run.sh", "8080"]
"""
WWW = {
    "www/index.html": b"hello\n",
    "www/healthz": b"fine\n",
    "www/cgi-bin/fail.sh": b"#!/bin/sh\nprintf 'Status: 500 Broken\\r\\n\\r\\nthe database is away\\n'\n",
    "www/cgi-bin/away.sh": b"#!/bin/sh\nprintf 'Status: 302 Found\\r\\nLocation: https://login.example/\\r\\n\\r\\n'\n",
    "www/cgi-bin/home.sh": b"#!/bin/sh\nprintf 'Status: 302 Found\\r\\nLocation: /healthz\\r\\n\\r\\n'\n",
}


def web_image(client: docker.DockerClient) -> str:
    """Build the image that most tests run: a web server as user 10001 on port 8080."""
    return images.build(client, DOCKERFILE, {"run.sh": RUN, **WWW})


def new_app(app: str = "shop", *, team: str = "acme", team_id: str | None = None) -> AppRef:
    return AppRef(team=team, team_id=team_id or new_id(), app=app, app_id=new_id())


PROBE = Probe(port=8080, path=None, interval=0.2, timeout=1, grace=8, failures=2)


def unit(image: str, **changes: object) -> Unit:
    plain = Unit(
        name="shop",
        image=image,
        command=None,
        env=(("GREETING", "hello"),),
        ports=(UnitPort("http", 8080, "http"),),
        routes=(UnitRoute(host="shop.localhost", path="/", port="http", strip_prefix=False),),
        replicas=1,
        cpu_millis=1000,
        memory_bytes=64 * MIB,
        probe=PROBE,
        user=None,
        group=None,
        read_only=False,
        drain_seconds=2,
    )
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]


def rollout(app: AppRef, deployment: int, unit: Unit, *, attempt: int = 1, timeout_seconds: float = 30) -> Rollout:
    return Rollout(
        app=app,
        deployment=deployment,
        attempt=attempt,
        unit=unit,
        pull=PullCredential(registry="127.0.0.1:5999", username="pull", password="a-pull-ticket"),
        timeout_seconds=timeout_seconds,
    )


async def owner() -> None:
    """The guard of a worker that owns its rollout."""


@dataclass
class Told:
    """Collects what is told to the person. Call it as an `Emit`."""

    lines: list[str] = field(default_factory=list)

    async def __call__(self, line: str) -> None:
        self.lines.append(line)


class MemoryKeeper:
    """Keeps last words in memory, as the real one does in the records."""

    def __init__(self) -> None:
        self.lines: dict[str, list[LogLine]] = {}

    async def keep(self, app_id: str, deployment: int, instance: str, lines: Sequence[LogLine]) -> None:
        assert all(line.instance == instance and line.deployment == deployment for line in lines)
        others = [line for line in self.lines.get(app_id, ()) if line.instance != instance]
        self.lines[app_id] = [*others, *lines]

    async def kept(self, app_id: str, instance: str | None = None) -> Sequence[LogLine]:
        found = [line for line in self.lines.get(app_id, ()) if instance in {None, line.instance}]
        return sorted(found, key=lambda line: line.at)


class MemoryEdge:
    """Proxies nothing, refuses what Envoy would refuse, and remembers everything that it was told."""

    def __init__(self) -> None:
        self._published: dict[str, EdgeApp] = {}
        self.history: list[EdgeApp] = []
        self.active: dict[str, int] = {}
        self.rejects = False

    async def publish(self, app: EdgeApp) -> None:
        await asyncio.sleep(0)
        if self.rejects:
            raise EdgeRejectedError("the listener is gone")
        known = [cluster.name for cluster in app.clusters]
        assert len(set(known)) == len(known), "two clusters of one name"
        led = set() if app.notice else {route.cluster for route in app.routes}
        assert led <= set(known), "a route to a cluster that is not there"
        assert all(cluster.endpoints for cluster in app.clusters), "a cluster without endpoints"
        self._published[app.app_id] = app
        self.history.append(app)

    async def retire(self, app_id: str) -> None:
        self._published.pop(app_id, None)

    async def active_requests(self, cluster: str) -> int:
        return self.active.get(cluster, 0)

    async def tidy(self) -> None: ...

    async def requests(self) -> Mapping[str, int]:
        return {}

    def published(self) -> Mapping[str, EdgeApp]:
        return dict(self._published)
