"""A release command that is to end, ends: none runs beside the next."""

from pathlib import Path

import pytest

from loco_server.engines.base import Rollout, RolloutFailedError
from loco_server.engines.kubernetes import kinds, names
from tests.kube.samples import SMALL, rollout
from tests.kube.stub import Stub
from tests.kube.stub.store import PODS, Object
from tests.loco_server.engines.kubernetes.rolled import stubbed_engine

pytestmark = pytest.mark.anyio

JOBS = kinds.JOB.path()


def running(stub: Stub, wanted: Rollout, **status: Object) -> str:
    """Put its Job and that one's pod there, which nothing but a request ends; give the namespace."""
    space, job = names.namespace(wanted.app), names.release_job(wanted.deployment)
    stub.store.write((kinds.NAMESPACE.path(), "", space), {})
    stub.store.write((JOBS, space, job), {"spec": {"activeDeadlineSeconds": 1}, "status": status})
    marks = names.pod_labels("iiiiiiiiii", wanted, "release") | {"batch.kubernetes.io/job-name": job}
    stub.store.write((PODS, space, f"{job}-x"), {"metadata": {"labels": marks}, "status": {"phase": "Running"}})
    return space


async def test_a_cancelled_one_does_not_run_any_more_once_it_is_withdrawn(tmp_path: Path) -> None:
    wanted = rollout(SMALL)
    async with Stub() as stub, stubbed_engine(stub, tmp_path) as engine:
        space = running(stub, wanted)
        await engine.withdraw(wanted)
        assert not stub.store.of(JOBS, space)
        assert not stub.store.of(PODS, space)


async def test_one_that_takes_too_long_does_not_run_any_more_once_that_is_told(tmp_path: Path) -> None:
    wanted = rollout(SMALL)

    async def nothing(*_: str) -> None:
        pass

    async with Stub() as stub, stubbed_engine(stub, tmp_path) as engine:
        late = {"type": "Failed", "status": "True", "reason": "DeadlineExceeded"}
        space = running(stub, wanted, conditions=[late])  # type: ignore[arg-type]
        with pytest.raises(RolloutFailedError) as failed:
            await engine.release(wanted, ("migrate",), timeout_seconds=1, emit=nothing, guard=nothing)
        assert failed.value.diagnosis.cause == "release-timeout"
        assert not stub.store.of(PODS, space)
