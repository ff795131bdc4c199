"""What a team may have in all: the value, and how people write and read it (`cpu=4`, `memory=8Gi`, `image=500MB`)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from loco_spec.errors import UsageError
from loco_spec.values import count, cpu_millis, human_bytes, human_cpu, human_memory, memory_bytes, size_bytes


@dataclass(frozen=True)
class Quota:
    """With the defaults: generous for one machine."""

    apps: int = 100
    cpu: int = 32_000
    """Thousandths of a processor: of all replicas of all apps, where each app has its most."""
    memory: int = 64 << 30
    """Bytes, counted in the same way."""
    replicas: int = 100
    deployments_per_hour: int = 120
    image: int = 2_000_000_000
    """Bytes of one image, compressed, as the registry stores it."""
    context: int = 2_000_000_000
    """Bytes of one build context, as its client tells."""


NAMES = tuple(Quota.__dataclass_fields__)
_READ: Mapping[str, Callable[[str], int]] = MappingProxyType(
    {"cpu": cpu_millis, "memory": memory_bytes, "image": size_bytes, "context": size_bytes}
)
_WORDED: Mapping[str, Callable[[int], str]] = MappingProxyType(
    {"cpu": human_cpu, "memory": human_memory, "image": human_bytes, "context": human_bytes}
)


def read(name: str, text: str) -> int:
    """Read the value of a quota; what is neither a size nor cpu is a count.

    Raises:
        ValueError: it is none.
    """
    return _READ.get(name, count)(text)


def worded(name: str, value: int) -> str:
    """Say a quota's value as people write it: 1500 of `cpu` is `1.5`."""
    return _WORDED.get(name, str)(value)


def changed(overrides: Mapping[str, int], texts: Sequence[str]) -> dict[str, int]:
    """Give a team's overrides after `NAME=VALUE` of each text; `NAME=default` takes one away.

    Raises:
        UsageError: a text is none of that.
    """
    found = dict(overrides)
    for text in texts:
        name, _, value = text.partition("=")
        name = name.replace("-", "_")
        if name not in NAMES:
            raise UsageError(f'"{text[:60]}": there is no such quota; there is: {", ".join(NAMES)}', hint="cpu=4")
        if value == "default":
            found.pop(name, None)
            continue
        try:
            found[name] = read(name, value)
        except ValueError as e:
            raise UsageError(f"{text[:60]}: {e}", hint=f"{name}=default takes an override away") from e
    return found
