"""What was found to be wrong with a deployment: one value, filled by whoever sees it, and shown in one screen."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

Cause = Literal[
    # Before a rollout: the build.
    "build-step",
    # The gates.
    "runs-as-root",
    "user-missing",
    "wrong-platform",
    "image-too-large",
    "base-image-refused",
    "scan-refused",
    "host-taken",
    "value-purged",
    # The registry.
    "image-gone",
    "registry-away",
    "pull-refused",
    "pull-failed",
    "pull-timeout",
    # The release command.
    "release-failed",
    "release-timeout",
    "release-unknown",
    # A container that does not start, or ends.
    "command-not-found",
    "command-not-executable",
    "exec-format",
    "exited",
    "exited-zero",
    "killed",
    "out-of-memory",
    "permission-denied",
    "read-only",
    "disk-full",
    "evicted",
    "crash-loop",
    # One that runs and is not healthy.
    "loopback-only",
    "wrong-port",
    "not-listening",
    "probe-status",
    "probe-redirect",
    "probe-refused",
    "probe-no-answer",
    "probe-tls",
    "probe-not-http",
    "probe-late",
    # The platform.
    "edge-rejected",
    "no-room",
    "unschedulable",
    "quota-exceeded",
    "pod-security",
    "admission-refused",
    "config-missing",
    "engine-refused",
    "engine-down",
    "phase-timeout",
    "server-fault",
    # No failure.
    "stuck-drain",
]
"""What was found to be wrong. Each has a heading in docs/errors.md."""
NOTES = frozenset({"stuck-drain"})
"""Causes that are no failure: they are told of a deployment that serves."""


class Fact(BaseModel):
    """One thing that was seen, beside the sentence that says what it means."""

    model_config = ConfigDict(defer_build=True, frozen=True)

    name: str
    """`exit code`, `answer`, `listens on`."""
    text: str
    """Of one line or more, as it was found: by others than loco."""


class Diagnosis(BaseModel):
    """Why a deployment failed: one screen, the same whatever engine it ran on."""

    model_config = ConfigDict(defer_build=True, frozen=True)

    phase: str
    """`building`, `pushing` (both the client's), `checking`, `pulling`, `releasing`, `starting`, `health`, `switching`,
    `draining`, `running`.
    """
    seconds: float
    """In this phase."""
    total: float | None = None
    """Since the rollout began. None: it had not begun, or nobody counted."""
    cause: str
    """One of `Cause`; a newer server may know more."""
    message: str
    hint: str
    evidence: tuple[Fact, ...] = ()
    lines: tuple[str, ...] = ()
    """The app's own last lines."""
