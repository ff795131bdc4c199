"""Quantities as people write them in loco.toml: cpu, memory, durations. Each has one reader and one unit."""

import re
from typing import Annotated

from pydantic import AfterValidator

_CPU = re.compile(r"(\d+)m|(\d+(?:\.\d{1,3})?)")
_MEMORY = re.compile(r"(\d+)(Ki|Mi|Gi|K|M|G)")
_MEMORY_UNITS = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "K": 10**3, "M": 10**6, "G": 10**9}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_DURATION_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def cpu_millis(text: str) -> int:
    """Thousandths of a processor: `250m` is 250, `1.5` is 1500.

    Raises:
        ValueError: not a cpu quantity, or zero.
    """
    match = _CPU.fullmatch(text)
    millis = 0 if match is None else int(match[1]) if match[1] else round(float(match[2]) * 1000)
    if millis <= 0:
        raise ValueError('expected processors such as "250m" or "1.5"')
    return millis


def memory_bytes(text: str) -> int:
    """Bytes: `256Mi` is 268435456, `1G` is 1000000000.

    Raises:
        ValueError: not a memory quantity, or below 6 MiB, the least that a container engine takes.
    """
    match = _MEMORY.fullmatch(text)
    size = 0 if match is None else int(match[1]) * _MEMORY_UNITS[match[2]]
    if size < 6 << 20:
        raise ValueError('expected memory such as "256Mi" or "1Gi", at least "6Mi"')
    return size


def seconds(text: str) -> float:
    """Seconds: `10s` is 10.0, `500ms` is 0.5, `5m` is 300.0.

    Raises:
        ValueError: not a duration.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError('expected a duration such as "10s", "500ms" or "5m"')
    return float(match[1]) * _DURATION_UNITS[match[2]]


def _checked_cpu(text: str) -> str:
    cpu_millis(text)
    return text


def _checked_memory(text: str) -> str:
    memory_bytes(text)
    return text


def _checked_duration(text: str) -> str:
    seconds(text)
    return text


Cpu = Annotated[str, AfterValidator(_checked_cpu)]
Memory = Annotated[str, AfterValidator(_checked_memory)]
Duration = Annotated[str, AfterValidator(_checked_duration)]


def human_bytes(size: int) -> str:
    """A size for people: 1536 is `1.5 KB` (powers of 1000, as disks and registries count)."""
    value = float(size)
    for unit in ("B", "KB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
