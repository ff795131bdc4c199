"""What a release is made of, and for whom."""

import sysconfig
from dataclasses import dataclass
from pathlib import Path

from loco_spec.version import VERSION

ROOT = Path(__file__).parents[3]
PYTHON = "3.14"
"""The formula's python@3.x: the archives hold compiled packages, which are of one minor version."""


@dataclass(frozen=True)
class Platform:
    name: str
    triple: str
    """As uv calls it."""
    block: tuple[str, str]
    """Where the formula says so."""

    @property
    def pins(self) -> Path:
        return ROOT / "homebrew" / f"pins-{self.name.partition('-')[0]}.txt"

    @property
    def archive(self) -> str:
        """The version last, where Homebrew reads it: elsewhere it takes `x86_64` for one."""
        return f"loco-{self.name}-{VERSION}.tar.gz"


PLATFORMS = (
    Platform("macos-arm64", "aarch64-apple-darwin", ("on_macos", "on_arm")),
    Platform("macos-x86_64", "x86_64-apple-darwin", ("on_macos", "on_intel")),
    Platform("linux-arm64", "aarch64-manylinux_2_28", ("on_linux", "on_arm")),
    Platform("linux-x86_64", "x86_64-manylinux_2_28", ("on_linux", "on_intel")),
)


def this_machines() -> str:
    """Give the platform whose archive can be tried here; empty: of none."""
    tag = sysconfig.get_platform().replace("aarch64", "arm64")
    system = {"linux": "linux", "macosx": "macos"}.get(tag.partition("-")[0], "")
    return f"{system}-{tag.rpartition('-')[2]}" if system else ""
