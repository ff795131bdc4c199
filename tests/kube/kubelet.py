"""What a cluster's controllers and nodes do beside the stub, as far as a rollout can see it."""

import asyncio
import hashlib
import json
import math
from typing import Self

from loco_server.engines.kubernetes import names
from tests.kube.stub.store import DEPLOYMENTS, EVENTS, PODS, ROUTES, SETS, Key, Log, Object, Store, now

TICK = 0.01
LAST_WORDS = "no database is there"
REGISTRY_SAYS = "manifest unknown: not found"
CREATING = {"state": {"waiting": {"reason": "ContainerCreating"}}}
CRASHED = {
    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
    "lastState": {"terminated": {"exitCode": 3, "reason": "Error"}},
    "restartCount": 1,
}


class Kubelet:
    def __init__(self, store: Store) -> None:
        self._store, self._count = store, 0
        self.failing: dict[str, str] = {}
        """Images whose containers exit with 3 (`exited`) or that cannot be pulled (`pull-failed`)."""
        self.refusing: set[str] = set()
        """Hosts whose routes the gateway does not take."""

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="the cluster")
        return self

    async def __aexit__(self, *fault: object) -> None:
        self._task.cancel()
        ended = await asyncio.gather(self._task, return_exceptions=True)
        assert isinstance(ended[0], asyncio.CancelledError), ended

    async def _run(self) -> None:
        seen = 0
        while True:
            await asyncio.sleep(TICK)
            if seen != self._store.version:
                seen = self._store.version
                self._collect()
                for key, found in list(self._store.objects.items()):
                    if key[0] == DEPLOYMENTS:
                        self._roll(key, found)
                    elif key[0] == ROUTES:
                        said = {
                            "type": "Accepted",
                            "status": str(key[2] not in self.refusing),
                            "observedGeneration": found["metadata"]["generation"],
                        }
                        self._store.write(key, found | {"status": {"parents": [{"conditions": [said]}]}})

    def _collect(self) -> None:
        """Owned objects go after their owners, pods that were told to end one tick later."""
        uids = {found["metadata"]["uid"] for found in self._store.objects.values()}
        for key, found in list(self._store.objects.items()):
            if found["metadata"].get("deletionTimestamp") or _owner(found) not in {"", *uids}:
                self._store.delete(key)

    def _roll(self, key: Key, found: Object) -> None:
        template, wanted = found["spec"]["template"], int(found["spec"].get("replicas", 1))
        digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:8]
        mine = self._store.write((SETS, key[1], f"{key[2]}-{digest}"), _owned(found, template))
        for each in self._store.of(PODS, key[1]):
            if _owner(each) == mine["metadata"]["uid"] and not each["metadata"].get("deletionTimestamp"):
                self._step(each)
        pods = [each for each in self._store.of(PODS, key[1], f"{names.ROLE}=app") if not _leaves(each)]
        new = [each for each in pods if _owner(each) == mine["metadata"]["uid"]]
        ready = len([each for each in pods if _ready(each)])
        for each in sorted([*new[wanted:], *(pod for pod in pods if pod not in new)], key=_ready):
            if not _ready(each) or ready > wanted:
                ready -= _ready(each)
                self._write(each | {"metadata": each["metadata"] | {"deletionTimestamp": now()}})
        if len(new) < wanted and len(pods) < wanted + math.ceil(wanted / 4):
            self._count += 1
            at = (PODS, key[1], f"{mine['metadata']['name']}-{self._count:05x}")
            self._become(
                self._store.write(at, _owned(mine, template) | {"spec": template["spec"]}), "Pending", CREATING
            )
        counts = {"replicas": len(pods), "updatedReplicas": len(new), "availableReplicas": ready}
        conditions = [{"type": "Available", "status": str(ready >= wanted)}, {"type": "Progressing", "status": "True"}]
        status = {"observedGeneration": found["metadata"]["generation"], "conditions": conditions}
        self._store.write(key, found | {"status": status | counts})

    def _step(self, pod: Object) -> None:
        """The next of a pod's life."""
        image, meta = pod["spec"]["containers"][0]["image"], pod["metadata"]
        key, state = _key(pod), pod["status"]["containerStatuses"][0]["state"]
        fate = self.failing.get(image)
        if fate == "exited":
            self._store.logs.setdefault(key, Log())
            if key not in self._store.previous:
                self._store.previous.setdefault(key, Log()).say(LAST_WORDS)
            self._become(pod, "Running", CRASHED)
        elif fate == "pull-failed":
            said = f'Failed to pull image "{image}": {REGISTRY_SAYS}'
            event = {"metadata": {}, "involvedObject": {"uid": meta["uid"]}, "reason": "Failed", "message": said}
            self._store.write((EVENTS, key[1], f"{key[2]}.1"), event)
            self._become(pod, "Pending", {"state": {"waiting": {"reason": "ImagePullBackOff"}}})
        elif "running" in state:
            self._become(pod, "Running", {"state": state, "ready": True})
        else:
            self._store.logs.setdefault(key, Log()).say("listening")
            self._become(pod, "Running", {"state": {"running": {"startedAt": now()}}})

    def _become(self, pod: Object, phase: str, container: Object) -> None:
        whole = {"name": "web", "ready": False, "restartCount": 0, "lastState": {}} | container
        ready = {"type": "Ready", "status": str(whole["ready"])}
        self._write(pod | {"status": {"phase": phase, "containerStatuses": [whole], "conditions": [ready]}})

    def _write(self, pod: Object) -> None:
        self._store.write(_key(pod), pod)


def _key(pod: Object) -> Key:
    return (PODS, pod["metadata"]["namespace"], pod["metadata"]["name"])


def _owned(owner: Object, template: Object) -> Object:
    reference = {"kind": owner["kind"], "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]}
    meta = {"labels": template["metadata"].get("labels") or {}, "ownerReferences": [reference]}
    return {"metadata": meta, "spec": {"template": template}}


def _owner(found: Object) -> str:
    return str((found["metadata"].get("ownerReferences") or [{"uid": ""}])[0]["uid"])


def _leaves(pod: Object) -> bool:
    return bool(pod["metadata"].get("deletionTimestamp"))


def _ready(pod: Object) -> bool:
    return bool(pod["status"]["containerStatuses"][0]["ready"])
