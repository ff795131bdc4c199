"""One running platform for the tests that only use it; those that kill or fill it make their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.stack import Stack, httpd, running
from tests.waiting import eventually


@pytest.fixture(scope="package")
def stack(base_image: str) -> Iterator[Stack]:
    with running() as found:
        yield found


@pytest.fixture
def own_stack(base_image: str) -> Iterator[Stack]:
    """A platform that the test may treat as it likes. Not started."""
    found = Stack()
    try:
        yield found
    finally:
        found.remove()


@pytest.fixture
def serving(stack: Stack, request: pytest.FixtureRequest) -> Iterator[Path]:
    """An app whose first deployment serves; after the test it must serve still, unharmed."""
    name = "t" + "".join(c for c in request.node.name.lower() if c.isalnum())[-30:]
    folder = httpd(stack, name, text="the first")
    stack.loco("deploy", cwd=folder)
    yield folder
    assert stack.get(name).text == "the first"
    assert stack.json("status", "--app", name)["live"]["number"] == 1
    eventually(lambda: _running(stack, name) == [1])


def _running(stack: Stack, name: str) -> list[int]:
    return [instance["deployment"] for instance in stack.json("status", "--app", name)["instances"]]
