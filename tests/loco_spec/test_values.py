"""Quantities: one reader and one unit each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loco_spec.values import cpu_millis, human_bytes, memory_bytes, seconds


@given(st.integers(1, 128_000))
def test_cpu_in_thousandths_and_in_processors_mean_the_same(millis: int) -> None:
    assert cpu_millis(f"{millis}m") == millis
    assert cpu_millis(f"{millis / 1000:.3f}") == millis


@pytest.mark.parametrize(
    "text", ["0", "0m", "1.2345", "128001m", "129", "٣m", "9" * 5000, "m", "-1", "250 m", "1e3", ""]
)
def test_what_is_no_cpu_quantity_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="250m"):
        cpu_millis(text)


@pytest.mark.parametrize(
    ("text", "size"), [("256Mi", 256 << 20), ("1Gi", 1 << 30), ("7M", 7_000_000), ("6144Ki", 6 << 20)]
)
def test_memory_is_read_in_powers_of_two_and_of_ten(text: str, size: int) -> None:
    assert memory_bytes(text) == size


@pytest.mark.parametrize("text", ["5Mi", "4097Gi", "٣Gi", "256", "256MB", "1.5Gi", "Mi", ""])
def test_what_is_no_memory_or_less_than_an_engine_takes_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="256Mi"):
        memory_bytes(text)


@pytest.mark.parametrize(("text", "value"), [("500ms", 0.5), ("10s", 10), ("1.5m", 90), ("2h", 7200), ("1d", 86400)])
def test_durations_are_seconds(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["10", "s", "10 s", "-1s", "1w", ""])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="10s"):
        seconds(text)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1536, "1.5 KB"),
        (2_000_000, "2.0 MB"),
        (3 * 10**9, "3.0 GB"),
        (4 * 10**12, "4.0 TB"),
        (5 * 10**15, "5000.0 TB"),
    ],
)
def test_sizes_for_people_count_in_thousands(size: int, text: str) -> None:
    assert human_bytes(size) == text
