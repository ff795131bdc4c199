"""Which builder builds: the one that was named, or the first that can do what is asked."""

import importlib
from collections.abc import Callable
from typing import Any

from loco_cli.build.builders import MEMBERS
from loco_cli.build.builders.base import Builder, Recipe
from loco_cli.build.engine import Engine
from loco_spec.errors import UsageError

_INSTALL = "install the docker CLI with buildx, then: loco deploy"


def choose(name: str, engine: Engine, recipe: Recipe, note: Callable[[str], None]) -> Builder:
    """Give the builder of that name; for `auto` the first that is able, with a note on those passed over for a lack.

    Raises:
        UsageError: no such name, or it cannot build here, or cannot do what is asked; with those that can.
    """
    if name == "auto":
        return _first(engine, recipe, note)
    known(name)
    builder = load(name, engine)
    missing = builder.missing()
    if missing:
        raise UsageError(f"the builder {name!r} cannot build here: {missing}", hint="loco deploy --builder auto")
    lacks = builder.lacks(recipe)
    if lacks:
        others = map(_loader(engine), MEMBERS)
        able = next((other.name for other in others if not other.missing() and not other.lacks(recipe)), None)
        hint = f"loco deploy --builder {able}" if able else _INSTALL
        raise UsageError(f"the builder {name!r} cannot do {lacks}", hint=hint)
    return builder


def known(name: str) -> None:
    """See that there is a builder of that name.

    Raises:
        UsageError: there is none.
    """
    if name != "auto" and name not in MEMBERS:
        raise UsageError(
            f"there is no builder {name!r}; there is: auto, {', '.join(MEMBERS)}", hint="loco deploy --help"
        )


def load(name: str, engine: Engine) -> Builder:
    module, _, attribute = MEMBERS[name].partition(":")
    found: Any = getattr(importlib.import_module(module), attribute)(engine)
    return found  # type: ignore[no-any-return]


def _first(engine: Engine, recipe: Recipe, note: Callable[[str], None]) -> Builder:
    why: dict[str, str] = {}
    for builder in map(_loader(engine), MEMBERS):
        if builder.missing():
            continue
        lacks = builder.lacks(recipe)
        if not lacks:
            for name, reason in why.items():
                note(f"the builder {name!r} is passed over: it cannot do {reason}")
            return builder
        why[builder.name] = lacks
    reasons = "; ".join(f"{name}: no {reason}" for name, reason in why.items()) or "no builder fits the engine"
    raise UsageError(f"no builder here can do what is asked ({reasons})", hint=_INSTALL)


def _loader(engine: Engine) -> Callable[[str], Builder]:
    return lambda name: load(name, engine)
