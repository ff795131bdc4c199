"""Release commands on the stub: each runs for a moment, and is seen to run alone and once."""

import asyncio
from typing import Self

from loco_server.engines.kubernetes import kinds
from loco_server.engines.kubernetes.releasing import JOB_NAME
from tests.kube.stub.store import PODS, Key, Object, Store, now

JOBS = kinds.JOB.path()
TICK, TICKS = 0.1, 8


class Jobs:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._ran: dict[str, int] = {}
        """By uid: for how many ticks."""
        self._known: dict[tuple[str, str], str] = {}
        self.wrong: list[str] = []

    @property
    def count(self) -> int:
        return len(self._ran)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="release commands")
        return self

    async def __aexit__(self, *fault: object) -> None:
        self._task.cancel()
        ended = await asyncio.gather(self._task, return_exceptions=True)
        assert isinstance(ended[0], asyncio.CancelledError), ended

    async def _run(self) -> None:
        while True:
            running: dict[str, list[str]] = {}
            for key, job in list(self._store.objects.items()):
                if key[0] == JOBS and self._step(key, job):
                    running.setdefault(key[1], []).append(key[2])
            self.wrong += [f"{space}: beside one another: {jobs}" for space, jobs in running.items() if len(jobs) > 1]
            await asyncio.sleep(TICK)

    def _step(self, key: Key, job: Object) -> bool:
        """Let it run on; give whether it still does."""
        uid, name = job["metadata"]["uid"], (key[1], key[2])
        before = self._known.setdefault(name, uid)
        if before != uid and self._ran[before] >= TICKS:
            self.wrong.append(f"{key[1]}: {key[2]} ran to its end, and was begun once more")
        self._known[name] = uid
        ticks = self._ran[uid] = self._ran.get(uid, 0) + 1
        template = job["spec"]["template"]
        pod: Key = (PODS, key[1], f"{key[2]}-{uid[:5]}")
        if ticks == 1 or (pod in self._store.objects and ticks == TICKS):
            state: Object = {"running": {"startedAt": now()}}
            if ticks == TICKS:
                state = {"terminated": {"exitCode": 0, "finishedAt": now()}}
            owner = {"kind": "Job", "name": key[2], "uid": uid}
            meta = {
                "labels": (template["metadata"].get("labels") or {}) | {JOB_NAME: key[2]},
                "ownerReferences": [owner],
            }
            container = {"name": "release", "ready": False, "restartCount": 0, "lastState": {}, "state": state}
            phase = "Succeeded" if ticks == TICKS else "Running"
            status = {"phase": phase, "containerStatuses": [container], "conditions": []}
            self._store.write(pod, {"metadata": meta, "spec": template["spec"], "status": status})
        return ticks < TICKS
