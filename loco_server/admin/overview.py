"""The picture that an operator looks at first: who takes how much, who deploys how often, who is suspended."""

import asyncio
from collections import Counter
from datetime import timedelta

from loco_server.admin import wire
from loco_server.engines.base import EngineDownError
from loco_server.wiring import Parts

WITHIN = timedelta(hours=24)
MEASURE_SECONDS = 10.0


async def overview(parts: Parts) -> wire.Overview:
    """Give it; without processor and memory where the engine does not answer."""
    cpu: Counter[str] = Counter()
    memory: Counter[str] = Counter()
    instances: Counter[str] = Counter()
    fault = None
    try:
        async with asyncio.timeout(MEASURE_SECONDS):
            for item in await parts.engine.usage():
                cpu[item.app.team_id] += item.cpu_millis
                memory[item.app.team_id] += item.memory_bytes
                instances[item.app.team_id] += 1
    except EngineDownError as e:
        fault = str(e)
    except TimeoutError:
        fault = f"the engine did not measure within {MEASURE_SECONDS:.0f} s"
    return wire.Overview(
        teams=tuple(
            wire.TeamLoad(
                team=item.team,
                apps=item.apps,
                instances=instances[item.team_id],
                cpu_millis=cpu[item.team_id],
                memory_bytes=memory[item.team_id],
                deployments=item.deployments,
                failures=item.failures,
            )
            for item in await parts.load.teams(within=WITHIN)
        ),
        suspended=tuple(
            wire.Held(kind=each.kind, name=each.name, reason=each.suspended or "")
            for each in await parts.suspensions.all()
        ),
        engine=fault,
    )
