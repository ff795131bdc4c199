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

_ARG_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
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


def _arg_name(text: str) -> str:
    if not _ARG_NAME.fullmatch(text):
        raise ValueError("expected the name of a build argument: A-Z, a-z, 0-9 and _, no digit first")
    return text


ArgName = Annotated[str, AfterValidator(_arg_name)]
InnerPath = Annotated[str, AfterValidator(_inside)]


class Build(Table):
    """The folder is built with BuildKit; paths are relative to loco.toml's folder."""

    dockerfile: InnerPath = "Dockerfile"
    """The Dockerfile, from loco.toml's folder."""
    context: InnerPath = "."
    """The folder that is sent; .dockerignore is honoured."""
    target: str | None = Field(default=None, min_length=1)
    """A stage of the Dockerfile. Default: the last."""
    platform: Annotated[str, AfterValidator(_platform)] | None = None
    """Such as linux/amd64. Default: the engine's own."""
    args: dict[ArgName, str] = Field(default_factory=dict)
    """Build arguments; they stay in the image, and are no place for secrets."""
    allow: tuple[str, ...] = ()
    """Files that the check for secrets would stop."""
