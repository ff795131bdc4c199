"""What every scanner promises. Once one is configured, a scan that fails lets nothing through."""

from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True)
class ScanReport:
    scanner: str
    status: Literal["ok", "findings", "inconclusive", "error"]
    message: str = ""


class Scanner(Protocol):
    async def scan(self, repository: str, digest: str) -> ScanReport:
        """Look at one image. Faults of the scanner itself are reports too: status `error`."""
        ...
