"""Into a pod: a process beside its own, a connection to its port; and a Job of its own beside the Deployment."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from loco_server.engines.attached import (
    MARK,
    REMOVED,
    Attached,
    InstanceEndedError,
    Over,
    Start,
    not_running,
    not_started,
    to_the_end,
)
from loco_server.engines.base import AppRef, CapacityError, EngineDownError, Rollout
from loco_server.engines.kubernetes import kinds, names
from loco_server.engines.kubernetes.api import KubernetesApi, Object, RefusedError
from loco_server.engines.kubernetes.applying import Applier
from loco_server.engines.kubernetes.attached_pods import Exec, Port, Run, open_into, state, streams
from loco_server.engines.kubernetes.channels import PORT, PROCESS
from loco_server.engines.kubernetes.cluster import Cluster
from loco_server.engines.kubernetes.releasing import JOB_NAME, end_pods
from loco_server.engines.kubernetes.render import render
from loco_server.engines.kubernetes.render.one_off import one_off
from loco_spec import names as spec_names

log = logging.getLogger("loco.engine")

POLL_SECONDS = 0.2
STARTS_SECONDS = 300.0
ATTEND_SECONDS = 60.0
"""A one-off Job is stamped so often by the server that attends to it."""
ALONE_SECONDS = 200.0


class Attacher:
    def __init__(self, api: KubernetesApi, cluster: Cluster, applier: Applier) -> None:
        self._api = api
        self._cluster = cluster
        self._applier = applier

    @asynccontextmanager
    async def exec(self, app: AppRef, instance: str, start: Start) -> AsyncIterator[Attached]:
        """As `Engine.exec` promises."""
        pod, mark = await self._running(app, instance), f"{MARK}={spec_names.new_id()}"
        attached = Exec(self._api, pod, instance, start, mark)
        await attached.open(("env", mark, *start.command))
        try:
            yield attached
        finally:
            await to_the_end(attached.end())

    @asynccontextmanager
    async def connect(self, app: AppRef, instance: str, port: int) -> AsyncIterator[Attached]:
        """As `Engine.connect` promises."""
        pod = await self._running(app, instance)
        attached = Port(await open_into(self._api, pod, "portforward", [("ports", str(port))], PORT), instance, port)
        try:
            yield attached
        finally:
            await attached.close()

    @asynccontextmanager
    async def run(self, rollout: Rollout, start: Start) -> AsyncIterator[Attached]:
        """As `Engine.run` promises: a Job, whose first line of stdin lets it begin once somebody hears it.

        What an image without a shell says before that is lost.
        """
        name, namespace = f"run-{spec_names.new_id()}", names.namespace(rollout.app)
        attending: asyncio.Task[None] | None = None
        try:
            manifests = render(self._cluster, rollout)
            await self._applier.ensure(manifests.env)
            gated = True
            while True:
                job = one_off(
                    self._cluster, rollout, start, name, env_secret=manifests.env["metadata"]["name"], gated=gated
                )
                await self._attend(job)
                pod, fault = await self._started(namespace, name)
                if not gated or '"sh"' not in fault:
                    break
                await self._remove(namespace, name)
                gated, name = False, f"run-{spec_names.new_id()}"
            attending = asyncio.create_task(self._keep_attending(job))
            if fault or "terminated" in state(pod):
                yield not_started(start.command[0], fault) if fault else await self._over(pod)
                return
            query = streams(start, stdin=gated or start.stdin)
            channels = await open_into(self._api, pod, "attach", query, PROCESS)
            attached = Run(self._api, pod, channels, start, gated=gated)
            await attached.begin()
            try:
                yield attached
            finally:
                await channels.close()
        finally:
            if attending is not None:
                attending.cancel()
            await to_the_end(self._remove(namespace, name))

    async def tidy(self) -> None:
        """Remove the Jobs to which no server attends any more."""
        found, _ = await self._api.list(kinds.JOB, labels={names.RUN_OF: self._cluster.installation})
        for job in found:
            meta = job["metadata"]
            at = float((meta.get("annotations") or {}).get(names.ATTENDED, "0"))
            if time.time() - at > ALONE_SECONDS and not meta.get("deletionTimestamp"):
                log.info("removing %s of %s: nobody is attached to it any more", meta["name"], meta["namespace"])
                await self._remove(meta["namespace"], meta["name"])

    async def _attend(self, job: Object) -> None:
        job["metadata"]["annotations"] = {names.ATTENDED: str(round(time.time()))}
        await self._api.apply(job)

    async def _keep_attending(self, job: Object) -> None:
        while True:
            await asyncio.sleep(ATTEND_SECONDS)
            with suppress(RefusedError, EngineDownError):
                if await self._api.get(kinds.JOB, job["metadata"]["namespace"], job["metadata"]["name"]) is None:
                    return  # an apply would make it anew
                await self._attend(job)

    async def _started(self, namespace: str, job: str) -> tuple[Object, str]:
        """Wait until its pod runs, or has; give it, and why it cannot be started."""
        until, why = time.monotonic() + STARTS_SECONDS, "the cluster makes no pod of it"
        while time.monotonic() < until:
            pods, _ = await self._api.list(kinds.POD, namespace, labels={JOB_NAME: job})
            for pod in pods:
                now = state(pod)
                ended = now.get("terminated") or {}
                if ended.get("reason") in {"StartError", "ContainerCannotRun"}:
                    return pod, str(ended.get("message", "it cannot be started"))
                if ended or "running" in now:
                    return pod, ""
                waiting = now.get("waiting") or {}
                why = str(waiting.get("message") or waiting.get("reason") or "it is not placed on a node")
                if waiting.get("reason") in {"CreateContainerError", "RunContainerError", "InvalidImageName"}:
                    return pod, why
            if not pods and (said := await self._refused(namespace, job)):
                raise CapacityError(said)
            await asyncio.sleep(POLL_SECONDS)
        raise EngineDownError(f"the container did not start within {STARTS_SECONDS:.0f} s: {why[:300]}")

    async def _over(self, pod: Object) -> Over:
        """It was quicker than anybody could listen."""
        meta = pod["metadata"]
        text = await self._api.log_text(meta["namespace"], meta["name"], {"tailLines": "1000"})
        return Over(("stdout", text.encode()), int(state(pod)["terminated"].get("exitCode", 0)))

    async def _refused(self, namespace: str, job: str) -> str:
        found = await self._api.get(kinds.JOB, namespace, job)
        if found is None:
            raise InstanceEndedError(REMOVED)
        events, _ = await self._api.list(kinds.EVENT, namespace)
        said = (each for each in events if (each.get("involvedObject") or {}).get("name") == job)
        return next((str(each.get("message", "")) for each in said if each.get("reason") == "FailedCreate"), "")

    async def _remove(self, namespace: str, job: str) -> None:
        with suppress(RefusedError, EngineDownError):
            await self._api.delete(kinds.JOB, namespace, job, grace=0)
            await end_pods(self._api, namespace, job)

    async def _running(self, app: AppRef, instance: str) -> Object:
        pods, _ = await self._api.list(kinds.POD, names.namespace(app), labels=names.selector(app))
        found = next((pod for pod in pods if names.instance(pod)[0] == instance), None)
        if found is None or "running" not in state(found):
            raise not_running(instance, there=found is not None)
        return found
