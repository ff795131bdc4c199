"""What the process says when it ends. Apart from the errors, so that a quick command need not load them."""

from enum import IntEnum


class Exit(IntEnum):
    OK = 0
    FAILED = 1
    USAGE = 2
    BUILD_FAILED = 3
    NOT_ALLOWED = 4
    NOT_FOUND = 5
    DEPLOYMENT_FAILED = 6
    SERVER_UNREACHABLE = 7
    STILL_GOING = 8
    WOULD_CHANGE = 10
    INTERRUPTED = 130
