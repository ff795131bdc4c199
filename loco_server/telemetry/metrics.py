"""What this process has counted since it began. Labels have few values: templates of paths, states, names of calls."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import ParamSpec, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

from loco_server.telemetry import spans
from loco_server.telemetry.logs import line
from loco_spec.version import VERSION

log = logging.getLogger("loco.rollouts")
# When a counter began is told by no line of its own: a third of all series, which nothing here asks for.
disable_created_metrics()  # type: ignore[no-untyped-call]

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SLOW = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
P = ParamSpec("P")
T = TypeVar("T")
PHASES = frozenset(("prepare", "release", "roll"))
"""Calls of the engine that are phases of a rollout; within `roll`, an engine has some of its own (`phased`)."""
LAG_EVERY = 0.5
"""Seconds between two looks at how late the event loop is."""


class Metrics:
    """The instruments, in a registry of their own. Seconds and bytes throughout."""

    def __init__(self) -> None:
        self.registry = own = CollectorRegistry()
        ProcessCollector(registry=own)
        Gauge("loco_build_info", "The version that this process runs.", ["version"], registry=own).labels(VERSION).set(
            1
        )
        self.requests = Counter(
            "loco_http_requests",
            "Answers of the API by this process, by the template of the path.",
            ["method", "endpoint", "status"],
            registry=own,
        )
        self.request_seconds = Histogram(
            "loco_http_request_seconds",
            "How long answers of the API took this process; streams that are followed are not among them.",
            ["method", "endpoint"],
            buckets=_FAST,
            registry=own,
        )
        self.followers = Gauge(
            "loco_followers", "Streams of logs and events that this process serves now.", ["endpoint"], registry=own
        )
        self.decisions = Counter(
            "loco_gateway_decisions",
            "What this process told Envoy of requests to the registry: allow, deny, challenge (no token), unavailable.",
            ["decision"],
            registry=own,
        )
        self.decision_seconds = Histogram(
            "loco_gateway_decision_seconds", "How long these decisions took.", buckets=_FAST, registry=own
        )
        self.database_seconds = Histogram(
            "loco_database_seconds",
            "How long statements of this process took the database, without the wait for a connection.",
            ["statement"],
            buckets=_FAST,
            registry=own,
        )
        self.call_seconds = Histogram(
            "loco_call_seconds",
            "How long this process waited for the engine and the registry; result: done, failed or cancelled.",
            ["of", "call", "result"],
            buckets=_SLOW,
            registry=own,
        )
        self.reconcile_seconds = Histogram(
            "loco_reconcile_seconds",
            "How long the engine took to become what the records say, asked by this process.",
            ["result"],
            buckets=_SLOW,
            registry=own,
        )
        self.rollouts = Counter(
            "loco_rollouts",
            "Rollouts that this process has ended, by the deployment's state then. For rates; "
            "loco_deployments tells the same of all servers and for ever.",
            ["outcome"],
            registry=own,
        )
        self.phase_seconds = Histogram(
            "loco_rollout_phase_seconds",
            "How long phases of rollouts took in this process; pull, start, switch and stop are parts of roll.",
            ["phase", "result"],
            buckets=_SLOW,
            registry=own,
        )
        self.lag = Histogram(
            "loco_event_loop_lag_seconds",
            "By how much the event loop of this process came late, looked at twice a second.",
            buckets=_FAST,
            registry=own,
        )

    def ended(self, outcome: str) -> None:
        """Note the end of a rollout, in the log too: who and what is bound to the task."""
        self.rollouts.labels(outcome).inc()
        line(log, f"the rollout ended: {outcome}", outcome=outcome)

    def took(self, statement: str, seconds: float) -> None:
        """Note a statement of the database."""
        self.database_seconds.labels(statement).observe(seconds)

    @contextmanager
    def call(self, of: str, name: str) -> Iterator[None]:
        """Around what the engine or the registry is asked for; some of it is a phase of a rollout, or a reconcile."""
        if of == "engine" and name in PHASES:
            with self.phase(name):
                yield
            return
        whole = of == "engine" and name == "reconcile"
        instrument = self.reconcile_seconds if whole else self.call_seconds
        labels = () if whole else (of, name)
        with spans.span(f"{of}.{name}"), _timed(lambda result: instrument.labels(*labels, result).observe):
            yield

    @contextmanager
    def rollout(self) -> Iterator[None]:
        """Around a rollout: what is `phased` in the block is its phase."""
        before = _ROLLS.set(self)
        try:
            with spans.span("rollout"):
                yield
        finally:
            _ROLLS.reset(before)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Around a phase of a rollout."""
        with spans.span(name), _timed(lambda result: self.phase_seconds.labels(name, result).observe):
            yield

    async def watch_loop(self) -> None:
        """Look at the event loop until cancelled."""
        while True:
            due = time.monotonic() + LAG_EVERY
            await asyncio.sleep(LAG_EVERY)
            self.lag.observe(max(0.0, time.monotonic() - due))


_ROLLS: ContextVar[Metrics | None] = ContextVar("rolls", default=None)


def phased(name: str) -> Callable[[Callable[P, Awaitable[T]]], Callable[P, Awaitable[T]]]:
    """Make the function a phase of whatever rollout calls it; it stays the same function for everybody else."""

    def made(function: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
        @wraps(function)
        async def timed(*args: P.args, **options: P.kwargs) -> T:
            metrics = _ROLLS.get()
            if metrics is None:
                return await function(*args, **options)
            with metrics.phase(name):
                return await function(*args, **options)

        return timed

    return made


@contextmanager
def _timed(observe: Callable[[str], Callable[[float], None]]) -> Iterator[None]:
    began, result = time.monotonic(), "failed"
    try:
        yield
        result = "done"
    except asyncio.CancelledError:
        result = "cancelled"
        raise
    finally:
        observe(result)(time.monotonic() - began)
