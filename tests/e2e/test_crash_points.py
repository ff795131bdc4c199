"""SIGKILL of the server after any effect of an operation: what the next start makes of it is true, no more is left."""

import random
from collections import Counter
from collections.abc import Callable

import docker
import pytest

from tests.e2e.crashes import OPERATIONS, Place, crash
from tests.e2e.stack import Stack

pytestmark = pytest.mark.engine

AT_ONCE = 1
"""So many operations make up a sample: each has to be done once undisturbed, for its points to be known."""


def test_a_server_killed_at_points_of_an_operation_leaves_what_is_true(
    own_stack: Stack, docker_client: docker.DockerClient, size: Callable[[str], int], seed: int
) -> None:
    choice = random.Random(seed)  # noqa: S311  a seeded choice of points, no secret
    place = Place(own_stack, docker_client)
    for name in choice.sample(sorted(OPERATIONS), AT_ONCE):
        crash(place, OPERATIONS[name])
        points = choice.sample(place.points, size("crash_points") // AT_ONCE)
        assert [point for point in points if crash(place, OPERATIONS[name], point).died], f"{name}: {points}"


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("name", OPERATIONS)
def test_a_server_killed_at_every_point_of_an_operation_leaves_what_is_true(
    own_stack: Stack, docker_client: docker.DockerClient, name: str
) -> None:
    place = Place(own_stack, docker_client)
    crash(place, OPERATIONS[name])
    points = list(dict.fromkeys(place.points))
    codes: Counter[int] = Counter()
    wrong: list[str] = []
    for point in points:
        try:
            found = crash(place, OPERATIONS[name], point)
        except AssertionError as e:
            wrong.append(f"killed after {point}: {e}")
            print(wrong[-1], flush=True)  # noqa: T201  hours before the end
        else:
            codes.update([found.code] if found.died else [])
    told = f"{name}: killed at {codes.total()} of {len(points)} points; the command ended with {dict(codes)}"
    print(told)  # noqa: T201  the figure, in the long run's output
    assert not wrong, "\n\n".join([told, *wrong])
    assert codes.total() > len(points) / 2  # some are of what is done every few seconds, and may not come
