"""Names that the server has told of last, for a TAB: a file a kind in `$XDG_CACHE_HOME/loco/names`, a name a line."""

import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

from loco_cli.config import xdg

MOST = 200
_NAME = re.compile(r"[a-z0-9-]+")


def remember(kind: str, names: Iterable[str]) -> None:
    """Let `app`, `team` or `deployment` be completed with these from now on. That it cannot be kept is no fault."""
    folder = xdg("XDG_CACHE_HOME", ".cache") / "names"
    kept = [name for name in names if _NAME.fullmatch(name)][:MOST]
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        number, new = tempfile.mkstemp(dir=folder)
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.writelines(f"{name}\n" for name in kept)
        Path(new).replace(folder / kind)
    except OSError:
        return
