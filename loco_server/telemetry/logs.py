"""The log's lines: for people with their time, for machines as one JSON object each, a traceback inside it."""

import json
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime

from loco_server.telemetry import spans
from loco_server.telemetry.fields import fields
from loco_server.telemetry.settings import Format, Level

_NAME = "loco"
_EXTRA = "fields"


def configure(how: Format, level: Level) -> None:
    """Send the log to stderr. `level` is of loco's own lines; libraries are heard from `warning` on."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Json() if how == "json" else _Text())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger(_NAME).setLevel(level.upper())


def teller(how: Format) -> Callable[[str], None]:
    """Give what tells the operator on stdout, at any level: plainly on a terminal, else as the log's lines are."""
    if how == "text" and sys.stdout.isatty():
        return lambda message: print(message, flush=True)  # noqa: T201
    formatter = _Json() if how == "json" else _Text()

    def tell(message: str) -> None:
        record = logging.LogRecord(_NAME, logging.INFO, "", 0, message, None, None)
        print(formatter.format(record), flush=True)  # noqa: T201

    return tell


def line(log: logging.Logger, message: str, **known: object) -> None:
    """Write a line whose parts machines read by name; `message` says the same to people."""
    log.info(message, extra={_EXTRA: known})


class _Text(logging.Formatter):
    """`2026-11-29T10:20:30.123Z WARNING loco.http: … [request_id=…]`; a traceback follows on lines of its own."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s%(known)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        del datefmt
        return _time(record)

    def format(self, record: logging.LogRecord) -> str:
        known = " ".join(f"{name}={value}" for name, value in fields().items())
        record.known = f" [{known}]" if known else ""
        return super().format(record)


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        found: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **fields(),
            **spans.ids(),
            **getattr(record, _EXTRA, {}),
        }
        if record.exc_info:
            found["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            found["stack"] = self.formatStack(record.stack_info)
        return json.dumps(found, ensure_ascii=False, default=str)


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
