"""Nobody notices a redeploy: a load of 200 requests a second, every one answered with 200."""

import re
import subprocess
from collections.abc import Callable

import pytest

from tests.e2e.stack import QUICK, Stack, httpd

pytestmark = pytest.mark.engine

REQUESTS_PER_SECOND = 200
WORKERS = 10


def test_no_request_fails_at_200_a_second_through_redeploys(stack: Stack, size: Callable[[str], int]) -> None:
    folder = httpd(stack, "loaded", toml=QUICK + "[scale]\nreplicas = 2\n")
    stack.loco("deploy", cwd=folder)
    url = f"http://127.0.0.1:{stack.edge}/"
    rate = REQUESTS_PER_SECOND // WORKERS
    with subprocess.Popen(
        ["hey", "-z", "10m", "-c", str(WORKERS), "-q", str(rate), "-host", "loaded.localhost", url],
        stdout=subprocess.PIPE,
        text=True,
    ) as hey:
        try:
            for _ in range(size("redeploys_under_load")):
                stack.loco("redeploy", cwd=folder)
        finally:
            hey.send_signal(2)  # hey prints its report when interrupted
            report, _ = hey.communicate(timeout=60)
    codes = dict(re.findall(r"\[(\d+)\]\s+(\d+) responses", report))
    assert set(codes) == {"200"}, report
    assert "Error distribution" not in report, report
    assert int(codes["200"]) > 100
    print(f"{codes['200']} requests, all 200")  # noqa: T201  the figure, in the long run's output
