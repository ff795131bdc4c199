import asyncio

import pytest

from loco_server.http.shared import Shared

pytestmark = pytest.mark.anyio


class Question:
    """Counts how often it was asked."""

    def __init__(self, answer: str | Exception = "ann") -> None:
        self.asked = 0
        self.answer = answer
        self.go = asyncio.Event()
        self.go.set()

    async def __call__(self) -> str:
        self.asked += 1
        await self.go.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def test_what_many_ask_at_once_is_asked_once_and_of_each_key_by_itself() -> None:
    shared, question = Shared(), Question()
    assert set(await asyncio.gather(*(shared.ask("a", question) for _ in range(50)))) == {"ann"}
    assert question.asked == 1
    await shared.ask("b", question)
    assert question.asked == 2


async def test_an_answer_is_old_after_its_time_and_forgotten() -> None:
    now = [100.0]
    shared, question = Shared(seconds=1, clock=lambda: now[0]), Question()
    await shared.ask("a", question)
    now[0] = 100.9
    await shared.ask("a", question)
    assert question.asked == 1
    now[0], question.answer = 101.0, "nobody"
    assert await shared.ask("a", question) == "nobody"
    now[0] = 103.0
    await shared.ask("b", question)
    assert list(shared._answers) == ["b"]


async def test_a_refusal_is_everybodys() -> None:
    shared, question = Shared(), Question(ValueError("the token has ended"))
    question.go.clear()
    waiting = [asyncio.create_task(shared.ask("a", question)) for _ in range(3)]
    await asyncio.sleep(0)
    question.go.set()
    for each in await asyncio.gather(*waiting, return_exceptions=True):
        assert str(each) == "the token has ended"
    assert question.asked == 1


async def test_one_reader_that_goes_away_takes_nobody_elses_answer_with_it() -> None:
    shared, question = Shared(), Question()
    question.go.clear()
    first, second = (asyncio.create_task(shared.ask("a", question)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    question.go.set()
    assert await second == "ann"
    assert first.cancelled()
