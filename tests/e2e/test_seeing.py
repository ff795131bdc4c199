"""What an operator sees: dashboards and alerts ask a real Prometheus for what a real server has told it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.stack import Stack
from tests.prometheus import Prometheus, scraping
from tests.waiting import eventually

pytestmark = pytest.mark.engine

DASHBOARDS = Path(__file__).parents[2] / "deploy" / "dashboards"
_NAME = re.compile(r"\bloco_[a-z_]+|\bprocess_[a-z_]+")


@pytest.fixture
def prometheus(stack: Stack, serving: Path) -> Iterator[tuple[Prometheus, str]]:
    """One that scrapes the stack, where an app is live, has been asked for pages, and was followed."""
    for path in ("/", "/not-there"):
        assert stack.get(serving.name, path).status_code in {200, 404}
    own = f"127.0.0.1:{stack.api}"
    with scraping([(own, "/metrics"), (own, "/metrics/apps")], rules=DASHBOARDS / "alerts.yaml") as found:
        yield found, serving.name


def test_every_panel_asks_for_what_is_there_and_no_alert_fires_where_all_is_well(
    stack: Stack, prometheus: tuple[Prometheus, str]
) -> None:
    found, app = prometheus
    team = stack.json("status", "--app", app)["team"]
    left = {
        expr.replace("$__rate_interval", "1m").replace("$job", ".*").replace("$team", team).replace("$app", app)
        for file in ("platform.json", "app.json")
        for expr in expressions(json.loads((DASHBOARDS / file).read_text()))
    }
    assert len(left) > 30
    assert not any("$" in expr for expr in left)

    def all_answered() -> bool:
        left.difference_update({expr for expr in left if found.query(expr)})
        return not left

    try:
        eventually(all_answered, within=60, every=1)
    except AssertionError:
        pytest.fail(f"nothing is there for: {sorted(left)}")
    rules = eventually(lambda: [rule for rule in found.rules() if rule["health"] != "unknown"], within=20, every=1)
    assert {rule["health"] for rule in rules} == {"ok"}
    assert not [rule["name"] for rule in rules if rule["state"] == "firing"]
    named = {name for rule in rules for name in _NAME.findall(rule["query"])}
    assert named <= found.names()


def test_the_numbers_are_for_the_machine_itself_and_the_world_learns_whether_it_is_ready(stack: Stack) -> None:
    assert httpx.get(f"{stack.url}/readyz").json() == {"ready": True, "reasons": []}
    assert httpx.get(f"{stack.url}/healthz").json() == {"alive": True}
    assert httpx.get(f"http://127.0.0.1:{stack.edge}/metrics").status_code == 404
    said = httpx.get(f"{stack.url}/metrics").text
    assert "loco_engine_up 1.0\n" in said


def expressions(value: Any) -> Iterator[str]:
    """Find every query of a dashboard."""
    if isinstance(value, dict):
        yield from ([value["expr"]] if "expr" in value else [])
        for each in value.values():
            yield from expressions(each)
    elif isinstance(value, list):
        for each in value:
            yield from expressions(each)
