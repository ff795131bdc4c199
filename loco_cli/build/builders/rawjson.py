"""buildx's `--progress=rawjson`: one SolveStatus a line, as JSON (moby/buildkit, client/graph.go)."""

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from loco_cli.build.progress import Progress
from loco_cli.build.trace import Log, Part, Status, Vertex


def read(line: str, progress: Progress) -> bool:
    """Pass on what a line tells; give whether it was such a record, and not words for people."""
    if not line.startswith("{"):
        return False
    try:
        status(json.loads(line)).tell(progress)
    except (ValueError, TypeError, KeyError, AttributeError):
        return False
    return True


def status(record: Mapping[str, Any]) -> Status:
    return Status(
        vertexes=tuple(
            Vertex(
                digest=str(item["digest"]),
                name=str(item.get("name", "")),
                cached=bool(item.get("cached")),
                started=_time(item.get("started")),
                completed=_time(item.get("completed")),
                error=str(item.get("error") or ""),
            )
            for item in record.get("vertexes") or ()
        ),
        parts=tuple(
            Part(
                vertex=str(item.get("vertex", "")),
                name=str(item.get("id", "")),
                current=int(item.get("current") or 0),
                total=int(item.get("total") or 0),
            )
            for item in record.get("statuses") or ()
        ),
        logs=tuple(
            Log(vertex=str(item.get("vertex", "")), data=base64.b64decode(item.get("data") or ""))
            for item in record.get("logs") or ()
        ),
    )


def _time(text: str | None) -> float | None:
    return None if text is None else datetime.fromisoformat(text).timestamp()
