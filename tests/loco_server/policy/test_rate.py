"""Buckets: what they let through in any time is what the rate says, and what they keep of askers is bounded."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loco_server.policy import rate
from loco_server.policy.rate import Buckets


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


ASKED = st.lists(st.tuples(st.floats(0, 90), st.sampled_from("ab")), max_size=120)


@given(st.integers(1, 2000), st.integers(1, 50), ASKED)
def test_in_any_time_no_more_gets_through_than_the_rate_and_the_burst(
    per_minute: int, burst: int, asked: list[tuple[float, str]]
) -> None:
    clock = Clock()
    buckets = Buckets(per_minute, burst, clock)
    let: dict[str, list[float]] = {"a": [], "b": []}
    for pause, key in asked:
        clock.now += pause
        if buckets.take(key) is None:
            let[key].append(clock.now)
    for times in let.values():
        for first in range(len(times)):
            for last in range(first, len(times)):
                allowed = (times[last] - times[first]) * per_minute / 60 + burst
                assert last - first + 1 <= allowed + 1e-3


@given(st.integers(1, 2000), st.integers(1, 50), st.integers(1, 200))
def test_whoever_waits_as_long_as_was_said_gets_through_and_not_a_second_sooner(
    per_minute: int, burst: int, times: int
) -> None:
    clock = Clock()
    buckets = Buckets(per_minute, burst, clock)
    found = [buckets.take("a") for _ in range(times)]
    assert found[:burst] == [None] * min(burst, times)
    assert None not in found[burst:]
    if times > burst:
        wait = found[-1]
        assert wait is not None
        assert wait >= 1
        clock.now += wait - 1
        if wait > 1:
            assert buckets.wait("a") is not None
        clock.now += 1
        assert buckets.take("a") is None


def test_one_key_does_not_pay_for_another_and_looking_takes_nothing() -> None:
    buckets = Buckets(60, 2, Clock())
    assert [buckets.take("a") for _ in range(3)] == [None, None, 1]
    assert [buckets.wait("b") for _ in range(9)] == [None] * 9
    assert buckets.take("b") is None


def test_none_a_minute_is_no_limit() -> None:
    buckets = Buckets(0, 1, Clock())
    assert Counter(buckets.take("a") for _ in range(1000)) == {None: 1000}
    assert not buckets._full_at


def test_of_too_many_keys_the_one_asked_of_longest_ago_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate, "KEYS_MOST", 3)
    buckets = Buckets(1, 1, Clock())
    for key in "abc":
        assert buckets.take(key) is None
    assert buckets.take("a") == 60  # refused, and asked of just now
    assert buckets.take("d") is None
    assert list(buckets._full_at) == ["c", "a", "d"]
    assert buckets.take("b") is None
    assert buckets.take("a") == 60
