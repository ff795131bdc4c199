"""What becomes of an app that nobody uses, state by state."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from loco_server.lifecycle_settings import LifecycleSettings
from loco_server.policy.unused import Verdict, judge, lasts
from loco_server.records.uses import Use

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
TIMES = LifecycleSettings(unused_days=180, warned_days=30, stopped_days=60)


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


USED = Use(
    app_id="abcdefghij",
    app="shop",
    team_id="t",
    team="acme",
    deployed_at=ago(200),
    used_at=None,
    counted=True,
    inner=False,
    in_flight=False,
    suspended=False,
)
WARNED = replace(USED, deployed_at=ago(230), warned_at=ago(31))
STOPPED = replace(USED, deployed_at=ago(300), warned_at=ago(91), stopped_at=ago(61))


@pytest.mark.parametrize(
    ("use", "due", "then", "at"),
    [
        (replace(USED, deployed_at=ago(179)), "none", "warn", ago(-1)),
        (replace(USED, deployed_at=ago(180)), "warn", "warn", ago(0)),
        (replace(USED, used_at=ago(1)), "none", "warn", ago(-179)),
        (replace(USED, used_at=ago(500)), "warn", "warn", ago(20)),
        (replace(USED, in_flight=True), "none", "none", None),
        (replace(USED, suspended=True), "none", "none", None),
        (replace(USED, destroying=True), "none", "none", None),
        (replace(WARNED, warned_at=ago(29)), "none", "stop", ago(-1)),
        (replace(WARNED, warned_at=ago(30)), "stop", "stop", ago(0)),
        (WARNED, "stop", "stop", ago(1)),
        (replace(WARNED, in_flight=True), "none", "none", None),
        (replace(WARNED, suspended=True), "none", "none", None),
        (replace(WARNED, deployed_at=ago(3)), "none", "warn", ago(-177)),
        (replace(WARNED, used_at=ago(3)), "none", "warn", ago(-177)),
        (replace(STOPPED, stopped_at=ago(59)), "none", "delete", ago(-1)),
        (replace(STOPPED, stopped_at=ago(60)), "delete", "delete", ago(0)),
        (replace(STOPPED, in_flight=True), "none", "none", None),
        (replace(STOPPED, destroying=True), "none", "none", None),
    ],
)
def test_each_state_goes_on_after_its_time_and_never_while_something_happens(
    use: Use, due: str, then: str, at: datetime | None
) -> None:
    found = judge(use, TIMES, NOW)
    assert (found.action, found.next, found.at) == (due, then, at)


def test_the_reason_names_the_days_and_what_is_not_known() -> None:
    assert judge(STOPPED, TIMES, NOW) == Verdict(
        "delete", "no sign of use since 2025-09-04, stopped on 2026-05-01", "delete", ago(1)
    )
    assert judge(WARNED, TIMES, NOW).reason == "no sign of use since 2025-11-13, warned on 2026-05-31"
    assert judge(USED, TIMES, NOW).reason == "no sign of use since 2025-12-13"
    uncounted = judge(replace(USED, counted=False), TIMES, NOW)
    assert uncounted.reason == "no sign of use since 2025-12-13 (its requests are not counted here)"
    assert judge(replace(USED, in_flight=True), TIMES, NOW).reason == "a deployment is under way"


def test_what_runs_without_a_route_is_used_by_the_other_apps_of_its_team() -> None:
    shop = replace(USED, app_id="shop", used_at=ago(2))
    queue = replace(USED, app_id="queue", inner=True)
    other = replace(USED, app_id="other", team_id="rival", inner=True)
    quiet = replace(USED, app_id="quiet")
    assert lasts([shop, queue, other, quiet]) == {
        "shop": ago(2),
        "queue": ago(2),
        "other": ago(200),
        "quiet": ago(200),
    }
    assert judge(queue, TIMES, NOW).action == "warn"
    assert judge(queue, TIMES, NOW, last=ago(2)).action == "none"
    assert judge(replace(STOPPED, inner=True), TIMES, NOW, last=ago(2)).action == "delete", "it runs no more"
    assert judge(replace(queue, used_at=ago(1)), TIMES, NOW, last=ago(2)).at == ago(-179), "its own sign may be newer"
