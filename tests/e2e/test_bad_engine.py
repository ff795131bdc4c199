"""The developer's engine goes away or is the wrong one: what is said, and what serves meanwhile."""

from pathlib import Path
from uuid import uuid4

import pytest

from tests.e2e.second_engine import second_engine
from tests.e2e.stack import Stack
from tests.e2e.test_bad_input import BUILD, fails
from tests.waiting import eventually

pytestmark = pytest.mark.engine


@pytest.mark.parametrize("builder", ["docker", "engine"])
def test_an_engine_that_stops_in_the_middle_of_a_build(stack: Stack, serving: Path, builder: str) -> None:
    (serving / "Dockerfile").write_text(f"FROM loco-test/base:1\nRUN sleep 100 # {uuid4()}\nUSER 10001\n")
    with (
        second_engine(apart=False) as engine,
        stack.begin("deploy", "--builder", builder, cwd=serving, DOCKER_HOST=engine.host) as deploy,
    ):
        eventually(lambda: "RUN sleep" in deploy.said, within=30)
        engine.kill()
        assert deploy.ended(within=30) == BUILD, deploy.said
    assert "the container engine" in deploy.said
    assert "loco deploy" in deploy.said
    assert "Traceback" not in deploy.said
    assert stack.json("status", cwd=serving)["latest"]["state"] == "failed"


def test_an_engine_that_cannot_reach_the_registry(stack: Stack, serving: Path) -> None:
    (serving / "www/index.html").write_text("the second")
    with second_engine(apart=True) as engine:
        fails(
            stack,
            serving,
            BUILD,
            f"cannot reach the registry at 127.0.0.1:{stack.registry}",
            "unset DOCKER_HOST",
            DOCKER_HOST=engine.host,
        )
    assert stack.json("status", cwd=serving)["latest"]["state"] == "failed"
