"""Nobody notices a rollout: a load of 500 requests a second, every one answered with 200, whatever is rolled out."""

import random
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.stack import HTTPD, QUICK, Clock, Stack, httpd

pytestmark = pytest.mark.engine

REQUESTS_PER_SECOND = 500
WORKERS = 10
APP = "loaded"
TOML = QUICK + "[scale]\nreplicas = 2\n"


@pytest.mark.timeout(3600)
def test_no_request_fails_at_500_a_second_through_rollouts_that_succeed_fail_and_are_rolled_back(
    stack: Stack, size: Callable[[str], int], seed: int
) -> None:
    stack.loco("deploy", httpd(stack, APP, toml=TOML))
    stack.loco("deploy", httpd(stack, APP, text="the second", toml=TOML))
    rollouts = steps(size("rollouts_under_load"), random.Random(seed))  # noqa: S311  a seeded order, no secret
    rate = REQUESTS_PER_SECOND // WORKERS
    url, clock = f"http://127.0.0.1:{stack.edge}/", Clock()
    with subprocess.Popen(
        ["hey", "-z", "60m", "-c", str(WORKERS), "-q", str(rate), "-host", f"{APP}.localhost", url],
        stdout=subprocess.PIPE,
        text=True,
    ) as hey:
        try:
            for number, rolls in enumerate(rollouts):
                rolls(stack, number)
        finally:
            seconds = clock.seconds
            hey.send_signal(2)  # hey prints its report when interrupted
            report, _ = hey.communicate(timeout=60)
    codes = dict(re.findall(r"\[(\d+)\]\s+(\d+) responses", report))
    assert set(codes) == {"200"}, f"{[rolls.__name__ for rolls in rollouts]}\n{report}"
    assert "Error distribution" not in report, f"{[rolls.__name__ for rolls in rollouts]}\n{report}"
    assert int(codes["200"]) > 100
    print(f"{codes['200']} requests in {seconds:.0f} s, through {len(rollouts)} rollouts, all 200")  # noqa: T201


def steps(count: int, choice: random.Random) -> list[Callable[[Stack, int], None]]:
    """Give so many rollouts, of which a fifth fail and a tenth are rollbacks; at least one of each."""
    failing, rollbacks = max(1, count // 5), max(1, count // 10)
    others = [(redeploy, deploy)[number % 2] for number in range(count - failing - rollbacks)]
    found: list[Callable[[Stack, int], None]] = [*others, *[fail] * failing, *[roll_back] * rollbacks]
    choice.shuffle(found)
    return found


def redeploy(stack: Stack, _number: int) -> None:
    stack.loco("redeploy", "--app", APP)


def deploy(stack: Stack, number: int) -> None:
    stack.loco("deploy", httpd(stack, APP, text=f"number {number}", toml=TOML))


def fail(stack: Stack, _number: int) -> None:
    """Roll out what ends at once."""
    stack.loco("deploy", failing(stack), exit_code=6)


def roll_back(stack: Stack, _number: int) -> None:
    stack.loco("rollback", "--app", APP)


def failing(stack: Stack) -> Path:
    return stack.app(APP, HTTPD.replace('CMD ["httpd"', 'CMD ["false"'), toml=TOML)
