"""Write protobuf by hand, as BuildKit does, to have something to read."""


def varint(number: int) -> bytes:
    found = b""
    while number > 0x7F:
        found += bytes([number & 0x7F | 0x80])
        number >>= 7
    return found + bytes([number])


def field(number: int, value: int | str | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    content = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(content)) + content


def timestamp(seconds: int, nanos: int = 0) -> bytes:
    return field(1, seconds) + field(2, nanos)


def vertex(digest: str, name: str, *more: bytes) -> bytes:
    return field(1, field(1, digest) + field(3, name) + b"".join(more))


def started(at: int) -> bytes:
    return field(5, timestamp(at))


def completed(at: int, nanos: int = 0) -> bytes:
    return field(6, timestamp(at, nanos))


CACHED = field(4, 1)


def error(text: str) -> bytes:
    return field(7, text)


def log(digest: str, text: str | bytes) -> bytes:
    return field(3, field(1, digest) + field(4, text))
