"""What containers take, from the engine's own measurements."""

from collections.abc import Mapping
from typing import Any

from loco_server.engines.base import InstanceUsage
from loco_server.engines.docker.names import Found


def usage(found: Found, measured: Mapping[str, Any], restarts: int = 0) -> InstanceUsage:
    """Read one answer of `GET /containers/{id}/stats?stream=false`, as `docker stats` does."""
    now, before = measured.get("cpu_stats") or {}, measured.get("precpu_stats") or {}
    spent = _total(now) - _total(before)
    passed = int(now.get("system_cpu_usage") or 0) - int(before.get("system_cpu_usage") or 0)
    processors = int(now.get("online_cpus") or 1)
    memory = measured.get("memory_stats") or {}
    details = memory.get("stats") or {}
    # cgroup v1 names it with `total_`; v2 has the one of the whole group without.
    idle = int(details.get("total_inactive_file", details.get("inactive_file", 0)))
    return InstanceUsage(
        app=found.app,
        name=found.name,
        cpu_millis=max(0, round(1000 * processors * spent / passed)) if passed > 0 else 0,
        memory_bytes=max(0, int(memory.get("usage") or 0) - idle),
        restarts=restarts,
    )


def _total(stats: Mapping[str, Any]) -> int:
    return int((stats.get("cpu_usage") or {}).get("total_usage") or 0)
