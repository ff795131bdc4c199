"""The layers of an image on their way to or from a registry, out of the engine's records. Pure.

Bytes are as the engine counts them: Docker's classic store tells the unpacked size of what it pushes, and the packed
size of what it pulls; the newer one tells packed sizes both ways.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from loco_spec.values import human_bytes

_THERE = ("Layer already exists", "Already exists", "Mounted from")
_MOVING = ("Pushing", "Downloading")
_DONE = ("Pushed", "Download complete", "Pull complete")
_WAITING = ("Preparing", "Waiting", "Pulling fs layer", "Verifying Checksum", "Extracting")
_RETRYING = "Retrying in"


@dataclass
class Layer:
    sent: int = 0
    total: int = 0
    done: bool = False
    there: bool = False
    """The other side had it before."""
    retried: bool = False
    """The engine is on its second try, or a later one."""


class Transfer:
    """Read records; ask what to show."""

    def __init__(self) -> None:
        self._layers: dict[str, Layer] = {}

    def read(self, record: Mapping[str, Any]) -> None:
        status, name = str(record.get("status") or ""), str(record.get("id") or "")
        if not name or not status.startswith((*_THERE, *_MOVING, *_DONE, *_WAITING, _RETRYING)):
            return
        layer = self._layers.setdefault(name, Layer())
        if status.startswith(_MOVING):
            detail = record.get("progressDetail") or {}
            layer.sent = int(detail.get("current") or 0)
            layer.total = max(layer.total, int(detail.get("total") or 0), layer.sent)
        elif status.startswith(_DONE):
            layer.done, layer.sent = True, layer.total
        elif status.startswith(_RETRYING):
            layer.retried, layer.sent = True, 0
        elif status.startswith(_THERE) and not layer.done:  # what an attempt before brought is not called old
            layer.done = layer.there = True

    def again(self) -> None:
        """A new attempt begins: what is done stays done."""
        for layer in self._layers.values():
            if not layer.done:
                layer.sent, layer.retried = 0, False

    @property
    def finished(self) -> int:
        """How many layers have arrived, before or now."""
        return sum(layer.done for layer in self._layers.values())

    @property
    def gave_up(self) -> bool:
        """Whether the engine itself has tried a layer again and again that has not arrived."""
        return any(layer.retried and not layer.done for layer in self._layers.values())

    def now(self) -> str:
        """Give `3.4 MB of 12.0 MB, 1 of 4 layers already there`; the sum is that of the layers that have begun."""
        moving = [layer for layer in self._layers.values() if not layer.there]
        sent, total = sum(layer.sent for layer in moving), sum(layer.total for layer in moving)
        there = len(self._layers) - len(moving)
        old = f", {there} of {_layers(len(self._layers))} already there" if there else ""
        return f"{human_bytes(sent)} of {human_bytes(total)}{old}"

    def result(self) -> str:
        """Give `1.2 MB, 1 of 4 layers new`."""
        new = [layer for layer in self._layers.values() if not layer.there]
        if not new:
            return "nothing: every layer was there already"
        return f"{human_bytes(sum(layer.total for layer in new))}, {len(new)} of {_layers(len(self._layers))} new"


def fault(record: Mapping[str, Any]) -> str:
    """Give the error that a record carries, in either of its two places; empty when it carries none."""
    detail = record.get("errorDetail")
    return str(record.get("error") or (detail.get("message") if isinstance(detail, dict) else "") or "")


def _layers(count: int) -> str:
    return f"{count} layer{'s' if count != 1 else ''}"
