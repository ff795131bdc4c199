"""What differs between two states of an app, field by field, for people. Pure, and without any secret.

There is a change exactly where a deployment of the one over the other would be a new number (`same`).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from loco_server.records.values import DeploymentRecord
from loco_server.units import UnitRoute
from loco_spec.changes import Change
from loco_spec.kinds.service import Service
from loco_spec.suspicious import looks_secret, masked

HIDDEN = "(hidden)"
_TABLES = list(Service.model_fields)
_Leaves = Mapping[str, tuple[Any, str]]
"""By the field: what is compared, and what is shown of it."""


@dataclass(frozen=True)
class Pin:
    """Which value of a variable it is."""

    version: int
    digest: str | None
    """None: the value was purged."""


@dataclass(frozen=True)
class State:
    spec: Service
    routes: tuple[UnitRoute, ...]
    """One for each route of the spec, with its full host."""
    digest: str | None
    """The image's; None: nobody knows before it is built, or fetched."""
    variables: Mapping[str, Pin] = field(default_factory=dict)


Digests = Mapping[tuple[str, int], str | None]
"""Of each version of each variable, by its name and number; None where there is no value, or none any more."""


def same(
    live: DeploymentRecord,
    spec: Service,
    routes: tuple[UnitRoute, ...],
    digest: str | None,
    variables: Mapping[str, int],
) -> bool:
    """Whether a deployment would change nothing of what is live."""
    return (live.digest, live.spec, live.routes, live.variables) == (digest, spec, routes, variables)


def pinned(pins: Mapping[str, int], digests: Digests) -> dict[str, Pin]:
    return {name: Pin(version, digests.get((name, version))) for name, version in pins.items()}


def state(item: DeploymentRecord, digests: Digests) -> State:
    """Give a deployment as it is compared."""
    return State(item.spec, item.routes, item.digest, pinned(item.variables, digests))


def changes(before: State | None, after: State) -> tuple[Change, ...]:
    """Give what differs, in the order of loco.toml's reference, variables last; without a `before` all of it is new."""
    short = all(_is_short(state.spec) for state in (before, after) if state is not None)
    found = [*_image(before, after)]
    found += _differing({} if before is None else _leaves(before, short=short), _leaves(after, short=short))
    if before is not None:
        ports = [[port.name for port in state.spec.ports] for state in (before, after)]
        routes = [[_route(route) for route in state.routes] for state in (before, after)]
        found += [*_order("ports", *ports), *_order("routes", *routes)]
    found.sort(key=_rank)  # stable
    pins = {} if before is None else before.variables
    return (*found, *_differing(_digests(pins, after.variables), _digests(after.variables, pins)))


def _differing(before: _Leaves, after: _Leaves) -> Iterator[Change]:
    for place in dict.fromkeys([*before, *after]):
        (had, was), (has, becomes) = before.get(place, (None, None)), after.get(place, (None, None))
        if had != has:
            yield Change(field=place, before=was, after=becomes)


def _rank(change: Change) -> int:
    table = change.field.partition(".")[0].partition("[")[0]
    return _TABLES.index({"digest": "image", "port": "ports"}.get(table, table))


def _image(before: State | None, after: State) -> Iterator[Change]:
    had = None if before is None else before.digest
    if after.digest is None or after.digest != had:
        unknown = "built anew" if after.spec.image is None else "fetched anew"
        yield Change(field="digest", before=had, after=after.digest or unknown)


def _order(table: str, before: Sequence[str], after: Sequence[str]) -> Iterator[Change]:
    """The first port is the one that is checked, the first route the app's own address."""
    had, has = [each for each in before if each in after], [each for each in after if each in before]
    if had != has:
        yield Change(field=table, before=", ".join(had), after=", ".join(has))


def _digests(pins: Mapping[str, Pin], others: Mapping[str, Pin]) -> _Leaves:
    """Give the variables of one side. A value that came back has the digest that it had: its version tells."""
    found = {}
    for name, pin in sorted(pins.items()):
        text, other = pin.digest or "purged", others.get(name, pin)
        same = other.digest == pin.digest and other.version != pin.version
        found[f"variables.{name}"] = (pin.version, f"{text} (version {pin.version})" if same else text)
    return found


def _leaves(state: State, *, short: bool) -> _Leaves:
    """Give every key that says something; `short`: the one port as `port`."""
    tables = state.spec.model_dump(mode="json")
    found: dict[str, tuple[Any, str]] = {}
    for port in tables.pop("ports"):
        name = port.pop("name")
        found |= {"port": (port["port"], str(port["port"]))} if short else dict(_flat(f"ports[{name}]", port))
    for route, written in zip(state.routes, state.spec.routes, strict=False):
        port = route.port if written.port else f"{route.port} (the first)"
        values = {"host": written.host, "port": port, "strip_prefix": route.strip_prefix}
        found |= dict(_flat(f"routes[{_route(route)}]", values))
    del tables["routes"]
    return found | dict(_flat("", tables))


def _flat(place: str, value: Any) -> Iterator[tuple[str, tuple[Any, str]]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _flat(f"{place}.{key}".removeprefix("."), item)
    elif value not in (None, []):
        yield place, (value, _shown(place, value))


def _shown(place: str, value: Any) -> str:
    """Give a value as it may be shown: nothing that a warning of `loco validate` would call a secret."""
    table, _, name = place.rpartition(".")
    if isinstance(value, list):
        return masked(json.dumps([HIDDEN if looks_secret("", part) else part for part in value], ensure_ascii=False))
    if not isinstance(value, str):
        return json.dumps(value)
    if looks_secret(name if table in {"env", "build.args"} else "", value):
        return HIDDEN
    is_plain = value.isprintable() and value.strip() == value != ""
    return masked(value if is_plain else json.dumps(value, ensure_ascii=False))


def _route(route: UnitRoute) -> str:
    return route.host + route.path


def _is_short(spec: Service) -> bool:
    """Whether `port = 8080` says all of its ports."""
    return [(port.name, port.protocol) for port in spec.ports] == [("http", "http")]
