"""What was measured, and how it is shown, to people and as JSON. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

VERSION = 1
"""Of the JSON."""
_NAME = 60


@dataclass(frozen=True)
class Measured:
    """One figure of ours, and the raw tool's in the same run. Less is better, always."""

    name: str
    ours: float
    raw: float | None = None
    """None: there is no raw tool for it, and `limit` is of `ours` itself."""
    limit: float | None = None
    """The most that the ratio may be. None: it is told, and not judged."""
    unit: str = "s"
    note: str = ""

    @property
    def ratio(self) -> float | None:
        return None if self.raw is None else self.ours / self.raw

    @property
    def holds(self) -> bool:
        judged = self.ours if self.ratio is None else self.ratio
        return self.limit is None or judged <= self.limit


@dataclass(frozen=True)
class NotMeasured:
    name: str
    why: str


Row = Measured | NotMeasured

HEADER = f"{'':<{_NAME}} {'loco':>11} {'raw':>11} {'ratio':>6} {'at most':>9}"


def line(row: Row) -> str:
    """Give a row of the table, as wide as `HEADER` where it was measured and has no note."""
    if isinstance(row, NotMeasured):
        return f"{row.name:<{_NAME}} not measured: {row.why}"
    raw = "" if row.raw is None else _value(row.raw, row.unit)
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    limit = "" if row.limit is None else f"{row.limit:.2f}" if row.raw is not None else _value(row.limit, row.unit)
    told = f"{row.name:<{_NAME}} {_value(row.ours, row.unit):>11} {raw:>11} {ratio:>6} {limit:>9}"
    return told + ("" if row.holds else "  MISSED") + (f"  {row.note}" if row.note else "")


def document(found: Mapping[str, Iterable[Row]], machine: Mapping[str, Any]) -> dict[str, Any]:
    """Give all rows, by subject, as what is written as JSON."""
    rows = [(subject, row) for subject, each in found.items() for row in each]
    return {
        "version": VERSION,
        "machine": dict(machine),
        "measured": [
            {"subject": subject, **vars(row), "ratio": row.ratio, "holds": row.holds}
            for subject, row in rows
            if isinstance(row, Measured)
        ],
        "not_measured": [{"subject": subject, **vars(row)} for subject, row in rows if isinstance(row, NotMeasured)],
    }


def _value(value: float, unit: str) -> str:
    digits = 0 if value == round(value) or value >= 100 else 1 if value >= 10 else 2 if unit != "ms" else 1
    return f"{value:,.{digits}f} {unit}".rstrip()
