"""SIGKILL of what the server stands on, at seeded moments of a deploy: it ends as it should, or says why, and truly."""

import os
import random
import signal
from collections.abc import Callable
from dataclasses import replace

import docker
import pytest

from tests.e2e.crashes import OPERATIONS, Place, doing
from tests.e2e.second_engine import second_engine
from tests.e2e.stack import Clock, Stack
from tests.e2e.test_local import processes
from tests.waiting import eventually

pytestmark = [pytest.mark.engine, pytest.mark.sample("parts_killed"), pytest.mark.timeout(1800)]

DEPLOY = replace(OPERATIONS["deploy"], states=("live", "cancelled", "expired", "failed"))
LINES = range(4, 24)
"""What a deploy says: from the number that it is given to the end of the one before."""
ENVOY_SECONDS = 2.0


def moments(seed: int, count: int) -> list[int]:
    return random.Random(seed).sample(LINES, count)  # noqa: S311  a seeded choice of moments, no secret


def disturbed(place: Place, kill: Callable[[], None], *, after: int) -> int:
    """Deploy a change, kill something after so many lines of it, see that all agrees in the end; give the exit code.

    Where the deploy failed what was live before is live.
    """
    DEPLOY.ready(place)
    with doing(place, DEPLOY) as (begun, agrees):
        eventually(lambda: len(begun.lines) >= after or begun.process.poll() is not None, within=90, every=0.01)
        kill()
        eventually(agrees, within=120, every=0.1)
        code = begun.ended()
        assert code == 0 or "next: " in begun.said, begun.said
        assert "Traceback" not in begun.said
    return code


@pytest.mark.parametrize("which", ["envoy", "registry"])
def test_envoy_or_the_registry_killed_anywhere_in_a_deploy_costs_it_nothing(
    own_stack: Stack, docker_client: docker.DockerClient, size: Callable[[str], int], seed: int, which: str
) -> None:
    place, longest = Place(own_stack, docker_client), 0.0

    def kill() -> None:
        nonlocal longest
        [pid] = processes(own_stack, program=which)
        os.kill(pid, signal.SIGKILL)
        clock = Clock()
        eventually(lambda: str(place.truth.answer()).startswith("text"), within=10, every=0.02)
        longest = max(longest, clock.seconds)

    for after in moments(seed, size("kills_of_parts")):
        assert disturbed(place, kill, after=after) == 0, f"{which} killed after line {after}"
    assert longest < ENVOY_SECONDS
    print(f"{which}: the app was away for {longest:.1f} s at the most")  # noqa: T201  in the long run's output


def test_an_engine_killed_anywhere_in_a_deploy_and_started_again_leaves_what_is_true(
    own_stack: Stack, size: Callable[[str], int], seed: int
) -> None:
    with second_engine(apart=False) as engine:
        own_stack.environment["DOCKER_HOST"] = engine.host
        client = docker.DockerClient(base_url=engine.host, version="auto")
        place = Place(own_stack, client)

        def kill() -> None:
            engine.kill()
            engine.start()

        try:
            codes = [disturbed(place, kill, after=after) for after in moments(seed, size("kills_of_parts"))]
            print(f"the engine: deploys ended with {codes}")  # noqa: T201  in the long run's output
        finally:
            own_stack.remove()  # while its engine is there
            client.close()
