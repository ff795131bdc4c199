import threading

import pytest

from loco_server.engines.docker.logs.pipe import Pipe
from tests.waiting import eventually_async

pytestmark = pytest.mark.anyio


async def test_all_that_was_put_is_taken_in_order_then_the_end() -> None:
    pipe: Pipe[int] = Pipe(3)

    def write() -> None:
        for n in range(1000):
            pipe.put(n)
        pipe.end()

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    taken: list[int] = []
    while some := await pipe.take():
        assert len(some) <= 3
        taken += some
    thread.join()
    assert taken == list(range(1000))


async def test_a_fault_comes_after_what_was_put() -> None:
    pipe: Pipe[int] = Pipe(3)
    pipe.put(1)
    pipe.end(OSError("gone"))
    assert await pipe.take() == [1]
    with pytest.raises(OSError, match="gone"):
        await pipe.take()


async def test_closing_ends_a_writer_that_waits_for_room() -> None:
    pipe: Pipe[int] = Pipe(1)
    answers: list[bool] = []

    def write() -> None:
        answers.extend([pipe.put(1), pipe.put(2)])

    thread = threading.Thread(target=write, daemon=True)
    thread.start()

    async def ended() -> bool:
        return not thread.is_alive()

    assert thread.is_alive()
    pipe.close()
    await eventually_async(ended)
    assert answers == [True, False]
