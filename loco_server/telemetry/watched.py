"""A member of a seam whose calls are timed and told as spans, without a word of it in any member."""

import inspect
from typing import Any, TypeVar, cast

from loco_server.telemetry.metrics import Metrics

T = TypeVar("T")


def watched(member: T, of: str, metrics: Metrics) -> T:
    """Give the member itself but for that; `of` is what its calls are counted under."""
    return cast("T", _Watched(member, of, metrics))


class _Watched:
    def __init__(self, member: object, of: str, metrics: Metrics) -> None:
        self._member = member
        self._of = of
        self._metrics = metrics

    def __getattr__(self, name: str) -> Any:
        """Wrap what is awaited; what streams or answers at once is the member's own."""
        found = getattr(self._member, name)
        if not inspect.iscoroutinefunction(found):
            return found

        async def call(*args: Any, **options: Any) -> Any:
            with self._metrics.call(self._of, name):
                return await found(*args, **options)

        setattr(self, name, call)  # the next time it is found at once
        return call
