"""What the process says when it ends. Apart from the errors, so that a quick command need not load them."""

from enum import IntEnum
from typing import Self


class Exit(IntEnum):
    meaning: str

    OK = 0, "done"
    FAILED = 1, "failed"
    USAGE = 2, "the command line or loco.toml"
    BUILD_FAILED = 3, "build or push failed"
    NOT_ALLOWED = 4, "not signed in, or not allowed"
    NOT_FOUND = 5, "not found"
    DEPLOYMENT_FAILED = 6, "the deployment failed, was refused or superseded; what served before serves on"
    SERVER_UNREACHABLE = 7, "the server cannot be reached"
    STILL_GOING = 8, "the wait is over; the deployment, or the destroy, goes on"
    WOULD_CHANGE = 10, "it would change: `loco diff --exit-code`, `loco deploy --dry-run --exit-code`"
    INTERRUPTED = 130, "interrupted"

    def __new__(cls, code: int, meaning: str) -> Self:
        made = int.__new__(cls, code)
        made._value_ = code
        made.meaning = meaning
        return made
