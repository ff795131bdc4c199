"""From what an engine saw to the one screen that explains it: both engines say the same. Pure."""

from loco_server.engines.explaining.ending import ended, exit_words, restarting, stuck
from loco_server.engines.explaining.made import LINES, timed
from loco_server.engines.explaining.platform import (
    edge_rejected,
    evicted,
    late,
    no_room,
    refused,
    release_late,
    unschedulable,
)
from loco_server.engines.explaining.probing import unhealthy
from loco_server.engines.explaining.pulling import pull, pull_late
from loco_server.engines.explaining.starting import not_run, not_started

__all__ = [
    "LINES",
    "edge_rejected",
    "ended",
    "evicted",
    "exit_words",
    "late",
    "no_room",
    "not_run",
    "not_started",
    "pull",
    "pull_late",
    "refused",
    "release_late",
    "restarting",
    "stuck",
    "timed",
    "unhealthy",
    "unschedulable",
]
