"""How large a suite is this time, and from which seed; what hypothesis tries. A plugin of tests/conftest.py."""

import random
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

SIZES = tomllib.loads((Path(__file__).parent / "sizes.toml").read_text())


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run the long suites whole")
    parser.addoption("--seed", type=int, default=None, help="the seed of a failed run, to run it again")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--seed") is None:
        config.option.seed = random.SystemRandom().randrange(2**32)
    # The same examples on every run, and no limit of time for one: a slow machine, or luck, must not fail a change.
    # The long suites look for new ones, and print what repeats a failure.
    settings.register_profile("ci", derandomize=True, deadline=None, database=None)
    settings.register_profile("long", max_examples=1000, deadline=None, print_blob=True)
    settings.load_profile("long" if config.getoption("--long") else "ci")


def pytest_report_header(config: pytest.Config) -> str:
    long = config.getoption("--long")
    return f"sizes: {'long' if long else 'ci'}, seed: {config.getoption('--seed')}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--long"):
        return
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.skip(reason="takes minutes: scripts/test --long"))
    left_out = _left_out(items, config.getoption("--seed"))
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def _left_out(items: list[pytest.Item], seed: int) -> list[pytest.Item]:
    """Give what a run without --long leaves out of suites of which it takes some tests only; others with each seed.

    A test that was asked for by its name is run.
    """
    suites: dict[str, list[pytest.Item]] = {}
    for item in items:
        if (marker := item.get_closest_marker("sample")) is not None and item.get_closest_marker("long") is None:
            suites.setdefault(marker.args[0], []).append(item)
    found = _other_databases(items, seed)
    for name, each in sorted(suites.items()):
        if len(each) > 1:
            chosen = random.Random(f"{seed} {name}")  # noqa: S311
            found += chosen.sample(each, max(0, len(each) - int(SIZES[name]["ci"])))
    return found


def _other_databases(items: list[pytest.Item], seed: int) -> list[pytest.Item]:
    """Give those of either database of tests that are there for both: all but the records' own take one in a run."""
    twins: dict[str, list[pytest.Item]] = {}
    for item in items:
        if not item.nodeid.startswith("tests/loco_server/records/"):
            name = item.nodeid.replace("sqlite", "*").replace("postgresql", "*")
            twins.setdefault(name, []).append(item)
    return [
        random.Random(f"{seed} {name}").choice(each)  # noqa: S311
        for name, each in twins.items()
        if len(each) == 2 and {"sqlite", "postgresql"} <= {_database(item) for item in each}
    ]


def _database(item: pytest.Item) -> str:
    return next((name for name in ("sqlite", "postgresql") if name in item.nodeid), "")


@pytest.fixture
def seed(pytestconfig: pytest.Config) -> int:
    found = pytestconfig.getoption("--seed")
    assert isinstance(found, int)
    return found


@pytest.fixture
def size(pytestconfig: pytest.Config) -> Callable[[str], int]:
    """Give the size of a suite by its name in sizes.toml."""
    tier = "long" if pytestconfig.getoption("--long") else "ci"

    def of(name: str) -> int:
        return int(SIZES[name][tier])

    return of
