"""Rollouts that between them need every manifest."""

import dataclasses

from loco_server.engines.base import AppRef, PullCredential, Rollout
from loco_server.engines.kubernetes.cluster import Cluster
from loco_server.units import Autoscale, Probe, Unit, UnitMetrics, UnitPort, UnitRoute

IMAGE = "registry.example.com/acme/shop-aaaaaaaaaa@sha256:" + "1" * 64
APP = AppRef(team="acme", team_id="tttttttttt", app="shop", app_id="aaaaaaaaaa")
CLUSTER = Cluster(installation="iiiiiiiiii", blocked=("198.51.100.0/24",), dns=("169.254.20.10/32",))
SMALL = Unit(
    name="web",
    image=IMAGE,
    command=None,
    env=(("GREETING", "hello"),),
    ports=(UnitPort("http", 8080, "http"),),
    routes=(UnitRoute("shop.example.com", "/", "http", strip_prefix=False),),
    replicas=1,
    cpu_millis=250,
    memory_bytes=256 << 20,
    probe=Probe(port=8080, path=None, interval=10, timeout=2, grace=30, failures=3),
    user=None,
    group=None,
    read_only=False,
    drain_seconds=20,
)
LARGE = dataclasses.replace(
    SMALL,
    command=("serve", "--all"),
    ports=(UnitPort("http", 8080, "http"), UnitPort("rpc", 9000, "grpc"), UnitPort("side", 9001, "tcp")),
    routes=(
        UnitRoute("shop.example.com", "/", "http", strip_prefix=False),
        UnitRoute("shop.example.com", "/api", "http", strip_prefix=True),
        UnitRoute("rpc.example.com", "/", "rpc", strip_prefix=False),
    ),
    replicas=2,
    autoscale=Autoscale(most=6, cpu_percent=70),
    metrics=UnitMetrics(port=9090, path="/metrics"),
    probe=Probe(port=8080, path="/healthz", interval=0.5, timeout=0.5, grace=30, failures=2),
    user=10001,
    group=20002,
    read_only=True,
)
UNITS = {"small": SMALL, "large": LARGE}


def rollout(unit: Unit, *, deployment: int = 12, attempt: int = 1, app: AppRef = APP) -> Rollout:
    pull = PullCredential(registry="registry.example.com", username="pull", password="a-pull-ticket")
    return Rollout(app=app, deployment=deployment, attempt=attempt, unit=unit, pull=pull, timeout_seconds=300)
