"""Where an app's lines are: the logs of its containers, and what is kept of those that are gone."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from loco_server.engines.base import LogKeeper, LogQuery
from loco_server.engines.docker.client import Docker
from loco_server.engines.docker.listing import Listing
from loco_server.engines.docker.names import Found
from loco_server.engines.log_lines import Mark, text_of
from loco_spec.events import LogLine


@dataclass(frozen=True)
class Sources:
    """Where an app's lines are at one moment, by instance."""

    containers: Mapping[str, Found]
    kept: Mapping[str, Sequence[LogLine]]
    before: Mapping[str, str] = field(default_factory=dict)
    """The time in a container's log from which on its lines are not wanted."""

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self.containers) | frozenset(self.kept)

    upto: Mapping[str, Mark | None] = field(default_factory=dict)
    """The last line of an instance that is wanted; None: none is."""
    until: str = ""
    """The time from which on no instance's lines are wanted."""

    def only(self, names: Collection[str]) -> "Sources":
        containers = {name: container for name, container in self.containers.items() if name in names}
        return replace(self, containers=containers, kept={n: lines for n, lines in self.kept.items() if n in names})

    def joining(self, joined: Mapping[str, Mark | None], now: Collection[str]) -> "Sources":
        """What a follower reads before the lines that it is told.

        Of instances that it joined with up to their last line of that time; of those that have come since nothing.
        """
        new = (self.containers.keys() | set(now)) - joined.keys()
        return replace(self, upto={**joined, **dict.fromkeys(new)})


async def sources(listing: Listing, keeper: LogKeeper, query: LogQuery) -> Sources:
    """List the containers first: what is removed after that has been kept before."""
    containers = await listing.now(query.app.app_id)
    kept: dict[str, list[LogLine]] = {}
    for line in await keeper.kept(query.app.app_id):
        kept.setdefault(line.instance, []).append(line)
    until = "" if query.until is None else text_of(query.until)
    return Sources({container.name: container for container in containers}, kept, until=until)


async def previous(docker: Docker, there: Sources) -> Sources:
    """Leave out what still goes on: what running containers have said since they were started the last time.

    Raises:
        EngineDownError: the engine does not answer.
    """
    records = await asyncio.gather(*(docker.inspect(container.id) for container in there.containers.values()))
    containers: dict[str, Found] = {}
    before: dict[str, str] = {}
    for (name, container), record in zip(there.containers.items(), records, strict=True):
        if record is None:
            continue
        if not record["State"]["Running"]:
            containers[name] = container
        elif (moment := last_restart(record["State"])) is not None:
            containers[name] = container
            before[name] = text_of(moment)
    return replace(there, containers=containers, before=before)


def last_restart(state: Mapping[str, Any]) -> datetime | None:
    """When a running container was between its last two runs; None for one in its first.

    The middle of that time: the engine may read a run's last line a moment after its end, and (before version 25) notes
    a start a moment after the run's first line.
    """
    if state["FinishedAt"].startswith("0001-"):
        return None
    finished, started = datetime.fromisoformat(state["FinishedAt"]), datetime.fromisoformat(state["StartedAt"])
    return finished + (started - finished) / 2 if finished < started else started
