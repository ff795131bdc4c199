"""[build]: how the image is made.

[build]
dockerfile = "Dockerfile"
context = "."
target = "runtime"
platform = "linux/amd64"
args = { NODE_ENV = "production" }
allow = ["certs/public.pem"]
"""

import re
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, Field

from loco_spec.tables import Table

_PLATFORM = re.compile(r"linux/[a-z0-9]+(/v[0-9]+)?")


def _inside(text: str) -> str:
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts or not text:
        raise ValueError("expected a path inside the project's folder")
    return text


def _platform(text: str) -> str:
    if not _PLATFORM.fullmatch(text):
        raise ValueError('expected a platform such as "linux/amd64" or "linux/arm64"')
    return text


InnerPath = Annotated[str, AfterValidator(_inside)]


class Build(Table):
    """The folder is built with BuildKit; paths are relative to loco.toml's folder."""

    dockerfile: InnerPath = "Dockerfile"
    context: InnerPath = "."
    target: str | None = None
    platform: Annotated[str, AfterValidator(_platform)] | None = None
    args: dict[str, str] = Field(default_factory=dict)
    allow: tuple[str, ...] = ()
    """Files that the secret-file check would stop."""
