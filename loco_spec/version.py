"""The version this tree carries, and the header in which each request says which one its sender is."""

VERSION = "0.1.0"
VERSION_HEADER = "Loco-Version"


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
