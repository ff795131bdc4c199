"""The version this tree carries, and the headers of requests."""

VERSION = "0.1.0"
VERSION_HEADER = "Loco-Version"
"""In which each request says which one its sender is."""
REPEAT_HEADER = "Idempotency-Key"
"""The same for each sending of one change: what is sent again because its answer was lost is done once."""


def version_tuple(text: str) -> tuple[int, ...]:
    """Read `1.2.3` as (1, 2, 3).

    Raises:
        ValueError: the text is not numbers separated by dots.
    """
    parts = text.split(".")
    if not all(part.isdigit() for part in parts):
        msg = f"not a version: {text[:40]!r}"
        raise ValueError(msg)
    return tuple(int(part) for part in parts)
