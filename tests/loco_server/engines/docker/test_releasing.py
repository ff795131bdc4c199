"""A release command that finds no room: a failure like any other, with its seconds."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from loco_server.engines.base import CapacityError, RolloutFailedError
from loco_server.engines.docker import releasing
from loco_server.engines.docker.releasing import Releaser
from tests.contract.engines import Told, new_app, owner, rollout, unit

pytestmark = pytest.mark.anyio


async def test_no_room_is_told_with_its_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter((100.0, 103.5))
    monkeypatch.setattr(releasing, "time", SimpleNamespace(monotonic=lambda: next(times)))

    async def full(_: Any) -> Any:
        raise CapacityError("all subnets are taken")

    releaser = Releaser(cast("Any", None), cast("Any", SimpleNamespace(of=full)))
    with pytest.raises(RolloutFailedError) as failed:
        await releaser.release(
            rollout(new_app(), 2, unit("an-image")), ("migrate",), timeout_seconds=20, emit=Told(), guard=owner
        )
    found = failed.value.diagnosis
    assert (found.cause, found.seconds, found.total) == ("no-room", 3.5, 3.5)
