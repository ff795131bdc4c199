"""Where a container's runs end in its log."""

import pytest

from loco_server.engines.docker.logs.sources import last_restart
from loco_server.engines.log_lines import text_of

NEVER = "0001-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("finished", "started", "between"),
    [
        (NEVER, "2026-11-28T10:00:00.5Z", None),
        # The last line of the one run is read after its end, the first of the other before the engine notes the start.
        ("2026-11-28T10:00:00.123456789Z", "2026-11-28T10:00:01.123456789Z", "2026-11-28T10:00:00.623456000Z"),
        ("2026-11-28T10:00:00Z", "2026-11-28T10:00:01.5Z", "2026-11-28T10:00:00.750000000Z"),
        # The clock was set back.
        ("2026-11-28T11:00:00Z", "2026-11-28T10:00:01.5Z", "2026-11-28T10:00:01.500000000Z"),
    ],
)
def test_two_runs_are_told_apart_in_the_middle_between_them(finished: str, started: str, between: str | None) -> None:
    found = last_restart({"FinishedAt": finished, "StartedAt": started})
    assert (None if found is None else text_of(found)) == between
