"""Quantities as people write them in loco.toml: cpu, memory, durations. Each has one reader and one unit."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field

_CPU = re.compile(r"([0-9]+)m|([0-9]+(?:\.[0-9]{1,3})?)")
_MEMORY = re.compile(r"([0-9]+)(Ki|Mi|Gi|K|M|G)")
_MEMORY_UNITS = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "K": 10**3, "M": 10**6, "G": 10**9}
_SIZE = re.compile(r"([0-9]{1,18})(?:([KMGT])(i?)B?|B?)")
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)")
_DURATION_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DIGITS = 15
"""A quantity is no longer: what cannot be meant is not reckoned with either."""
_COUNT_DIGITS = 18
"""Of a plain number, of bytes perhaps."""

CPU_MOST = 128_000
MEMORY_LEAST = 6 << 20
"""The least that a container engine takes."""
MEMORY_MOST = 4 << 40
PERIOD_LEAST = 0.1
DURATION_MOST = 86400.0
DRAIN_MOST = 600.0
"""Seconds. What drains runs beside the new version, and counts in no quota."""
DRAIN_EXPECTED = 'expected a duration such as "20s", at most "10m"'


def cpu_millis(text: str) -> int:
    """Thousandths of a processor: `250m` is 250, `1.5` is 1500.

    Raises:
        ValueError: not a cpu quantity, zero, or more than there is in a machine.
    """
    match = _CPU.fullmatch(text[:_DIGITS])
    millis = 0 if match is None else int(match[1]) if match[1] else round(float(match[2]) * 1000)
    if not 0 < millis <= CPU_MOST:
        raise ValueError('expected processors such as "250m" or "1.5", at most "128"')
    return millis


def memory_bytes(text: str) -> int:
    """Bytes: `256Mi` is 268435456, `1G` is 1000000000.

    Raises:
        ValueError: not a memory quantity, below what a container engine takes, or more than there is in a machine.
    """
    match = _MEMORY.fullmatch(text[:_DIGITS])
    size = 0 if match is None else int(match[1]) * _MEMORY_UNITS[match[2]]
    if not MEMORY_LEAST <= size <= MEMORY_MOST:
        raise ValueError('expected memory such as "256Mi" or "1Gi", from "6Mi" to "4096Gi"')
    return size


def seconds(text: str) -> float:
    """Seconds: `10s` is 10.0, `500ms` is 0.5, `5m` is 300.0.

    Raises:
        ValueError: not a duration, or more than a day.
    """
    match = _DURATION.fullmatch(text[:_DIGITS])
    found = DURATION_MOST + 1 if match is None else float(match[1]) * _DURATION_UNITS[match[2]]
    if found > DURATION_MOST:
        raise ValueError('expected a duration such as "10s", "500ms" or "5m", at most "24h"')
    return found


def _checked_cpu(text: str) -> str:
    cpu_millis(text)
    return text


def _checked_memory(text: str) -> str:
    memory_bytes(text)
    return text


def _checked_drain(text: str) -> str:
    try:
        seconds(text)  # whether it is too long is told by limits.py: a stored one may be
    except ValueError as e:
        raise ValueError(DRAIN_EXPECTED) from e
    return text


def _checked_period(text: str) -> str:
    if seconds(text) < PERIOD_LEAST:
        raise ValueError('expected a duration of "100ms" at least')
    return text


def _shaped(pattern: re.Pattern[str]) -> Any:
    """For editors; what is wrong is told in our own words."""
    return Field(json_schema_extra={"pattern": f"^({pattern.pattern})$"})


Cpu = Annotated[str, AfterValidator(_checked_cpu), _shaped(_CPU)]
Memory = Annotated[str, AfterValidator(_checked_memory), _shaped(_MEMORY)]
Drain = Annotated[str, AfterValidator(_checked_drain), _shaped(_DURATION)]
Period = Annotated[str, AfterValidator(_checked_period), _shaped(_DURATION)]
"""A duration in which something has to be able to happen."""


def count(text: str) -> int:
    """A number of things.

    Raises:
        ValueError: none.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= _COUNT_DIGITS):
        raise ValueError('expected a whole number such as "100"')
    return int(text)


def size_bytes(text: str) -> int:
    """Bytes: `500MB` is 500000000, `2Gi` is 2147483648, a number without a unit is one of bytes.

    Raises:
        ValueError: not a size.
    """
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError('expected a size such as "500MB" or "2Gi", or a number of bytes')
    power: int = (1024 if match[3] else 1000) ** " KMGT".index(match[2] or " ")
    return int(match[1]) * power


def human_cpu(millis: int) -> str:
    """Processors as in loco.toml: 1500 is `1.5`."""
    return f"{millis / 1000:g}"


def human_memory(size: int) -> str:
    """Memory as in loco.toml: `64Gi`, `1536Mi`."""
    return f"{size >> 30}Gi" if size % (1 << 30) == 0 else f"{size / (1 << 20):g}Mi"


def human_bytes(size: int) -> str:
    """A size for people: 1536 is `1.5 KB` (powers of 1000, as disks and registries count)."""
    value = float(size)
    for unit in ("B", "KB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
