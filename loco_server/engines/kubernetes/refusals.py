"""What the Kubernetes API refuses, or warns of, as it says it."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any


class RefusedError(Exception):
    """The API said no (`Status`, reason and causes as it gave them)."""

    def __init__(self, status: int, body: Mapping[str, Any], after: float = 0) -> None:
        self.status = status
        self.after = after
        self.reason = str(body.get("reason") or "")
        self.message = str(body.get("message") or f"HTTP {status}")
        self.causes: list[Mapping[str, Any]] = list((body.get("details") or {}).get("causes") or [])
        super().__init__(self.message)

    @property
    def missing(self) -> bool:
        return self.status == 404

    @property
    def gone(self) -> bool:
        """Too old a resource version (410): list again."""
        return self.status == 410 or self.reason in {"Expired", "Gone"}

    @property
    def conflict(self) -> bool:
        return self.status == 409

    @property
    def managers(self) -> tuple[str, ...]:
        """On a conflict of server-side apply: who else holds which field, `kubectl-edit: .spec.replicas`."""
        found = (cause for cause in self.causes if cause.get("reason") == "FieldManagerConflict")
        return tuple(f"{cause.get('message', 'conflict')}: {cause.get('field', '')}" for cause in found)


def status_of(data: bytes) -> Mapping[str, Any]:
    """Read the `Status` of an answer; what is none becomes its message."""
    try:
        found = json.loads(data)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"message": data.decode(errors="replace")[:300]}


def crossed(error: RefusedError, body: Any) -> bool:
    """Whether somebody wrote at the same time (or made the object), and nobody asked to be told so."""
    versioned = "resourceVersion" in ((body or {}).get("metadata") or {})
    return error.conflict and not error.managers and not versioned


def warned(headers: Iterable[str]) -> list[str]:
    """Give the texts of `Warning: 299 - "text"`: what it takes, and has doubts about (Pod Security among it)."""
    found = (text for header in headers for text in re.findall(r'299 \S+ "((?:[^"\\]|\\.)*)"', header))
    return [re.sub(r"\\(.)", r"\1", text) for text in found]
