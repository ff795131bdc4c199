"""What is said where a task that must never end could not do its work this time."""

import logging

from loco_server.records.database import why_away


class Stumbles:
    """Of one or more tasks that wait for the same records."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._away = ""

    def over(self, what: str, error: Exception) -> None:
        """Log it; of records that stay away once, and without a trace: a full disk has no room for that."""
        why = why_away(error)
        if why is None:
            self._log.error("%s stumbled; it goes on", what, exc_info=error)
        elif why != self._away:
            self._log.warning("%s waits: the records %s", what, why)
        self._away = why or ""

    def done(self) -> None:
        """The records answer."""
        self._away = ""
