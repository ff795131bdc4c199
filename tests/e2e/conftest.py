"""One running platform for the tests that only use it; those that kill or fill it make their own."""

from collections.abc import Iterator

import pytest

from tests.e2e.stack import Stack


@pytest.fixture(scope="package")
def stack(base_image: str) -> Iterator[Stack]:
    found = Stack()
    try:
        found.start()
        found.loco("login")
        yield found
    finally:
        found.remove()


@pytest.fixture
def own_stack(base_image: str) -> Iterator[Stack]:
    """A platform that the test may treat as it likes. Not started."""
    found = Stack()
    try:
        yield found
    finally:
        found.remove()
