"""One pod's log: read at once, or followed to its end whatever breaks on the way."""

import asyncio
import re
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

from loco_server.engines.base import EngineDownError
from loco_server.engines.kubernetes import kinds, names
from loco_server.engines.kubernetes.api import KubernetesApi, RefusedError
from loco_server.engines.kubernetes.reading import lines
from loco_server.engines.log_lines import After, LineReader, Mark, Marked, seconds_of

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 3.0
_TIME = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|[+-]\d\d:\d\d)(?: |$)")
"""Before each line of an app's, in the node's time zone. What the API or the kubelet says itself in the midst of a log
(a Status, `unable to retrieve container logs`) has none."""


def is_started(pod: Mapping[str, Any]) -> bool:
    """Whether it has a log: a container that was created."""
    return any(
        "running" in (each.get("state") or {}) or "terminated" in (each.get("state") or {}) or each.get("restartCount")
        for each in (pod.get("status") or {}).get("containerStatuses") or []
    )


def is_over(pod: Mapping[str, Any]) -> bool:
    """Whether its container has ended for good."""
    return (pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"}


async def is_gone(api: KubernetesApi, pod: Mapping[str, Any]) -> bool:
    """Whether nothing will come of it any more; it may have gone since it was listed."""
    if is_over(pod):
        return True
    now = await api.get(kinds.POD, pod["metadata"]["namespace"], pod["metadata"]["name"])
    return now is None or now["metadata"]["uid"] != pod["metadata"]["uid"] or is_over(now)


def runs(pod: Mapping[str, Any], *, over: bool) -> tuple[bool, ...]:
    """Give the runs of its container that have a log, oldest first, each by the API's `previous`; `over`: the ended.

    While it waits for its next run, its last one is the previous one, and would be given again as the present one.
    """
    each: Mapping[str, Any] = next(iter((pod.get("status") or {}).get("containerStatuses") or []), {})
    state = each.get("state") or {}
    restarted = bool(each.get("restartCount") or "terminated" in (each.get("lastState") or {}))
    present = not (restarted and "waiting" in state) and (not over or "terminated" in state)
    return ((True,) if restarted else ()) + ((False,) if present else ())


async def read(
    api: KubernetesApi,
    pod: Mapping[str, Any],
    *,
    after: Mark | None = None,
    tail: int | None = None,
    previous: bool = False,
) -> AsyncGenerator[Marked, None]:
    """Give what is there now, the container before the last restart included; with `previous` only what is over.

    Nothing for a pod that is gone.
    """
    meta = pod["metadata"]
    # Of a tail, the marked line may be none.
    reader, behind = _reader(pod), After(after, telling=tail is None and not previous)
    for former in runs(pod, over=previous):
        try:
            response = await api.log(meta["namespace"], meta["name"], _query(after, tail=tail, previous=former))
        except RefusedError:
            continue  # gone, or not yet started
        async with response, aclosing(lines(response)) as found:
            async for raw, cut in found:
                for line in _fed(reader, raw, cut, behind):
                    yield line
    for line in behind.rest():
        yield line


async def follow(
    api: KubernetesApi, pod: Mapping[str, Any], after: Mark | None, *, tail: int | None = None
) -> AsyncGenerator[Marked, None]:
    """Give what comes, until the container has ended or the pod is gone; with `tail` no more than that of what was."""
    meta, last, pause = pod["metadata"], after, FIRST_PAUSE
    while True:
        # After a restart the log is another one: the marked line stood at the end of the one before.
        reader, behind = _reader(pod), After(last, telling=False)
        try:
            query = _query(last, follow=True, tail=tail if last is after else None)
            response = await api.log(meta["namespace"], meta["name"], query)
            async with response, aclosing(lines(response)) as found:
                async for raw, cut in found:
                    for line in _fed(reader, raw, cut, behind):
                        last, pause = line.mark, FIRST_PAUSE
                        yield line
            for line in behind.rest():
                last = line.mark
                yield line
        except RefusedError as error:
            if error.missing:
                return
        except EngineDownError:
            pass  # the line broke: asked again, from the last mark on
        try:
            if await is_gone(api, pod):
                return
        except EngineDownError:
            pass
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


def _fed(reader: LineReader, raw: bytes, cut: int, behind: After) -> Iterable[Marked]:
    time = _TIME.match(raw)
    if time is None:
        return ()
    if time[3] != b"Z":
        utc = datetime.fromisoformat((time[1] + time[3]).decode()).astimezone(UTC)
        raw = f"{utc:%Y-%m-%dT%H:%M:%S}".encode() + (time[2] or b"") + b"Z " + raw[time.end() :]
    line = reader.feed("stdout", raw + b"\n", cut)
    return () if line is None else behind.feed(line)


def _reader(pod: Mapping[str, Any]) -> LineReader:
    name, deployment = names.instance(pod)
    return LineReader(name, deployment, pod["metadata"]["uid"][:12])


def _query(
    after: Mark | None, *, follow: bool = False, tail: int | None = None, previous: bool = False
) -> dict[str, str]:
    query = {"timestamps": "true"}
    if after is not None:
        # Whole seconds, and one more before: the mark itself is looked for among what comes.
        since = datetime.fromtimestamp(seconds_of(after.at) - (1 if after.nth else 0), UTC)
        query["sinceTime"] = since.strftime("%Y-%m-%dT%H:%M:%SZ")
    if follow:
        query["follow"] = "true"
    if tail is not None:
        query["tailLines"] = str(tail)
    if previous:
        query["previous"] = "true"
    return query
