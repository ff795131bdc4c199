"""The release command: a Job named after the deployment, made once, attached to by whoever comes later."""

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any

from loco_server.engines import explaining
from loco_server.engines.base import Emit, Guard, ReleaseResult, Rollout, RolloutFailedError
from loco_server.engines.kubernetes import diagnosis, kinds, names
from loco_server.engines.kubernetes.api import KubernetesApi, Object, RefusedError
from loco_server.engines.kubernetes.applying import Applier, refuse_large
from loco_server.engines.kubernetes.cluster import Cluster
from loco_server.engines.kubernetes.ending import ended
from loco_server.engines.kubernetes.judging import FINAL, moment
from loco_server.engines.kubernetes.last_lines import last_lines
from loco_server.engines.kubernetes.logs.keeping import Keeping
from loco_server.engines.kubernetes.logs.pods import is_over
from loco_server.engines.kubernetes.render import render
from loco_server.engines.kubernetes.render.workload import release

_log = logging.getLogger("loco.engine")

JOB_NAME = "batch.kubernetes.io/job-name"
POLL_SECONDS = 0.5
ENDING_SECONDS = 15.0
"""For which the nodes may take to end a release command that is to end now."""


class Releaser:
    def __init__(self, api: KubernetesApi, cluster: Cluster, applier: Applier, keeping: Keeping) -> None:
        self._api = api
        self._cluster = cluster
        self._applier = applier
        self._keeping = keeping

    async def release(
        self, rollout: Rollout, command: tuple[str, ...], *, timeout_seconds: float, emit: Emit, guard: Guard
    ) -> ReleaseResult:
        """As `Engine.release` promises."""
        started, namespace = time.monotonic(), names.namespace(rollout.app)
        name = names.release_job(rollout.deployment)
        try:
            if await self._api.get(kinds.JOB, namespace, name) is None:
                manifests = render(self._cluster, rollout)
                refuse_large(rollout, manifests.deployment)
                await self._applier.additive(manifests, emit)
                env = manifests.env["metadata"]["name"]
                await guard()
                await self._api.apply(
                    release(self._cluster, rollout, command, env_secret=env, timeout_seconds=timeout_seconds)
                )
                await emit("the release command runs")
            else:
                await emit("found the release command of an earlier attempt")
            return await self._result(rollout, name, timeout_seconds, started, emit, guard)
        except RefusedError as error:
            said = diagnosis.refused("the release command", error.message, "releasing")
            raise RolloutFailedError(explaining.timed(said, time.monotonic() - started)) from error
        except RolloutFailedError as error:
            took = time.monotonic() - started
            raise RolloutFailedError(explaining.timed(error.diagnosis, took, took)) from error

    async def _result(
        self, rollout: Rollout, name: str, limit: float, started: float, emit: Emit, guard: Guard
    ) -> ReleaseResult:
        namespace = names.namespace(rollout.app)
        while True:
            job = await self._api.get(kinds.JOB, namespace, name)
            if job is None:
                return ReleaseResult(exit_code=None, lines=())
            pods, _ = await self._api.list(kinds.POD, namespace, labels={JOB_NAME: name})
            self._refused_pull(rollout, pods)
            done = {
                each["type"]: each
                for each in (job.get("status") or {}).get("conditions") or []
                if each["status"] == "True"
            }
            outcome = _ended(pods)
            if _is_late(job, done, outcome):
                lines = await self._lines(pods)
                await self._keeping.keep_now(rollout.app, pods)
                await end_pods(self._api, namespace, name)
                raise RolloutFailedError(explaining.release_late(limit, lines))
            if outcome is not None:
                code = int(outcome.get("exitCode", 0))
                lines = await self._lines(pods)
                await self._keeping.keep_now(rollout.app, pods)
                await emit(f"the release command ended with exit code {code} ({time.monotonic() - started:.1f} s)")
                return ReleaseResult(exit_code=code, lines=lines)
            if "Failed" in done or "Complete" in done:
                return ReleaseResult(exit_code=None, lines=())
            await guard()
            await asyncio.sleep(POLL_SECONDS)

    def _refused_pull(self, rollout: Rollout, pods: list[Object]) -> None:
        for state in _states(pods):
            waiting = state.get("waiting") or {}
            said = str(waiting.get("message", ""))
            if waiting.get("reason") in {"ErrImagePull", "ImagePullBackOff"} and FINAL.search(said):
                raise RolloutFailedError(explaining.pull(f"v{rollout.deployment}", rollout.pull.registry, said))

    async def _lines(self, pods: list[Object]) -> tuple[str, ...]:
        if not pods:
            return ()
        meta = pods[0]["metadata"]
        return await last_lines(self._api, meta["namespace"], meta["name"]) or ()


async def end_release(api: KubernetesApi, rollout: Rollout) -> None:
    """Take the release command of a deployment away, and return when it does not run any more."""
    namespace, name = names.namespace(rollout.app), names.release_job(rollout.deployment)
    await api.delete(kinds.JOB, namespace, name, grace=0)
    await end_pods(api, namespace, name)


async def end_pods(api: KubernetesApi, namespace: str, job: str) -> None:
    """End what runs of a Job: left to itself it would run on, for its own grace, beside the next release command."""
    if not await ended(api, namespace, {JOB_NAME: job}, seconds=ENDING_SECONDS, there=lambda pod: not is_over(pod)):
        _log.warning("%s of %s runs on: its node does not end it", job, namespace)


def _is_late(job: Object, done: Mapping[str, Any], ended: Mapping[str, Any] | None) -> bool:
    """Whether the Job's time ended it: also before the Job says so, when its pod was seen to end first."""
    if any(each.get("reason") == "DeadlineExceeded" for each in done.values()):
        return True
    if ended is None or not ended.get("finishedAt") or not (job.get("status") or {}).get("startTime"):
        return False
    lasted = moment(ended["finishedAt"]) - moment(job["status"]["startTime"])
    return int(ended.get("exitCode", 0)) != 0 and lasted.total_seconds() >= job["spec"]["activeDeadlineSeconds"]


def _states(pods: list[Object]) -> list[Mapping[str, Any]]:
    return [
        each.get("state") or {} for pod in pods for each in (pod.get("status") or {}).get("containerStatuses") or []
    ]


def _ended(pods: list[Object]) -> Mapping[str, Any] | None:
    return next((state["terminated"] for state in _states(pods) if "terminated" in state), None)
