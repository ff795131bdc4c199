"""Objects by path, their versions, and who watches them."""

import asyncio
import json
import re
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from loco_server.engines.kubernetes import kinds

Object = dict[str, Any]
Key = tuple[str, str, str]
"""Collection (`/apis/apps/v1/deployments`), namespace or empty, name."""
Change = tuple[int, str, Key, Object]

PODS, SETS, EVENTS = kinds.POD.path(), kinds.REPLICA_SET.path(), kinds.EVENT.path()
NAMESPACES, DEPLOYMENTS, ROUTES = kinds.NAMESPACE.path(), kinds.DEPLOYMENT.path(), kinds.HTTP_ROUTE.path()
OTHERS = (kinds.SECRET, kinds.POD, kinds.EVENT, kinds.REPLICA_SET, kinds.JOB)
KINDS = {kind.path(): kind for kind in (*kinds.KEPT_TRUE, *OTHERS)}


@dataclass
class RefusalError(Exception):
    status: int
    reason: str
    message: str
    causes: tuple[Object, ...] = ()


class Log:
    """One container's lines, each (`2026-11-26T12:00:00.000001Z`, text), and who waits for more."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self.more = asyncio.Event()

    def say(self, text: str, at: str | None = None) -> None:
        self.lines.append((at or now(), text))
        self.more.set()
        self.more = asyncio.Event()


class Store:
    def __init__(self) -> None:
        self.version, self._compacted = 1, 0
        self.objects: dict[Key, Object] = {}
        self.held: dict[Key, tuple[str, str]] = {}
        """By object: another manager and its field, until that is taken back by force."""
        self.templates: dict[str, list[Object]] = {}
        """By namespace: the pod templates that its Deployment was given, in order."""
        self.logs: dict[Key, Log] = {}
        self.previous: dict[Key, Log] = {}  # of the containers before the last restart
        self._history: deque[Change] = deque(maxlen=10_000)
        self._watchers: set[_Watcher] = set()

    def of(self, collection: str, namespace: str = "", labels: str = "") -> list[Object]:
        found = _Watcher(collection, namespace, labels)
        return [each for key, each in self.objects.items() if found.sees(key, each)]

    def dry(self) -> "Store":
        """A store like this one, of which nobody sees what changes in it."""
        found = Store()
        found.version, found.objects, found.held = self.version, dict(self.objects), dict(self.held)
        return found

    def write(self, key: Key, wanted: Object) -> Object:
        """Put an object; what is as it was keeps its version."""
        found = self.objects.get(key)
        if found is not None and _bare(found) == _bare(wanted):
            return found
        if key[1] and (NAMESPACES, "", key[1]) not in self.objects:
            raise RefusalError(404, "NotFound", f'namespaces "{key[1]}" not found')
        self.version += 1
        old: Object = {"uid": str(uuid4()), "generation": 0} if found is None else found["metadata"]
        changed = found is None or found.get("spec") != wanted.get("spec")
        meta: Object = (wanted.get("metadata") or {}) | {"name": key[2], "uid": old["uid"]}
        meta |= {"resourceVersion": str(self.version), "generation": old["generation"] + int(changed)}
        meta |= {"namespace": key[1]} if key[1] else {}
        made = {"apiVersion": KINDS[key[0]].api_version, "kind": KINDS[key[0]].kind, **wanted, "metadata": meta}
        if key[0] == DEPLOYMENTS and (found is None or found["spec"]["template"] != made["spec"]["template"]):
            self.templates.setdefault(key[1], []).append(made["spec"]["template"])
        self._note("MODIFIED" if found else "ADDED", key, made)
        return made

    def apply(self, key: Key, manifest: Object, *, force: bool) -> Object:
        """Server-side apply, merged simply: mappings into one another, anything else replaced."""
        found, version = self.objects.get(key), manifest["metadata"].pop("resourceVersion", None)
        if version is not None and (found is None or found["metadata"]["resourceVersion"] != version):
            raise RefusalError(409, "Conflict", "the object has been modified")
        if key in self.held and not force:
            said = f'conflict with "{self.held[key][0]}" using {manifest["apiVersion"]}'
            cause = {"reason": "FieldManagerConflict", "message": said, "field": self.held[key][1]}
            raise RefusalError(409, "Conflict", f"Apply failed with 1 conflict: {said}", (cause,))
        self.held.pop(key, None)
        return self.write(key, merged(found or {}, manifest))

    def delete(self, key: Key) -> Object:
        """Take an object away; with a namespace all that is in it."""
        for other in [each for each in self.objects if key[0] == NAMESPACES and each[1] == key[2]]:
            self.delete(other)
        self.version += 1
        found = self.objects[key]
        self._note("DELETED", key, found | {"metadata": found["metadata"] | {"resourceVersion": str(self.version)}})
        return self.objects.pop(key)

    def compact(self) -> None:
        """Forget what was: a watch from any version before now is too old."""
        self.version += 1
        self._compacted = self.version

    @contextmanager
    def watch(self, version: int, collection: str, namespace: str, labels: str) -> Iterator[asyncio.Queue[Change]]:
        """Give what happened after a version and what will; an ERROR where that is forgotten."""
        watcher = _Watcher(collection, namespace, labels)
        if version < self._compacted:
            watcher.put_nowait((self.version, "ERROR", (collection, "", ""), {"code": 410, "reason": "Expired"}))
        for change in self._history:
            if change[0] > version and watcher.sees(*change[2:]):
                watcher.put_nowait(change)
        self._watchers.add(watcher)
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)

    def _note(self, what: str, key: Key, found: Object) -> None:
        self.objects[key] = found
        self._history.append((self.version, what, key, found))
        for watcher in self._watchers:
            if watcher.sees(key, found):
                watcher.put_nowait(self._history[-1])


class _Watcher(asyncio.Queue[Change]):
    def __init__(self, collection: str, namespace: str, labels: str) -> None:
        super().__init__()
        self._collection, self._namespace, self._chosen = collection, namespace, selector(labels)

    def sees(self, key: Key, found: Object) -> bool:
        return key[0] == self._collection and self._namespace in {"", key[1]} and self._chosen(found)


def merged(found: Any, wanted: Any) -> Any:
    if not isinstance(found, dict) or not isinstance(wanted, dict):
        return wanted
    return found | {key: merged(found.get(key), value) for key, value in wanted.items()}


def selector(text: str) -> Callable[[Object], bool]:
    """Read `a=b,c!=d,e in (f,g),h notin (i)`."""
    tests = []
    for part in re.findall(r"[^,(]+(?:\([^)]*\))?", text):
        match = re.fullmatch(r"(\S+?)\s*(!=|=|\bin\b|\bnotin\b)\s*\(?([^)]*)\)?", part.strip())
        assert match, part
        tests.append((match[1], match[2] in {"=", "in"}, set(match[3].split(","))))
    return lambda found: all(
        ((found["metadata"].get("labels") or {}).get(key) in values) is wanted for key, wanted, values in tests
    )


def now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


def _bare(found: Object) -> str:
    meta = {k: v for k, v in (found.get("metadata") or {}).items() if k not in {"resourceVersion", "generation"}}
    return json.dumps(found | {"metadata": meta}, sort_keys=True)
