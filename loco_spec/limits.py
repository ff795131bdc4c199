"""How much a loco.toml may ask for: what would evade a quota, or what an engine refuses only after build and push.

A spec that a record has was within the limits of its day: they are not looked at again (`Service.stored`).
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from loco_spec.rules import Found, Loc, plain, tables
from loco_spec.values import DRAIN_EXPECTED, DRAIN_MOST, seconds

PORTS_MOST = 32
ROUTES_MOST = 64
ROUTES_PER_HOST = 16
"""Rules of an HTTPRoute (Gateway API v1, `spec.rules`); a host has one."""
ROUTE_PATH_MAX = 1024
"""Characters (Gateway API v1, HTTPPathMatch)."""

ENV_NAME_MAX = 200
"""Characters, of [env] and of variables alike. A Secret's key has 253 at most."""
ENV_VALUE_MAX = 128 * 1024
"""Bytes of `NAME=value` with its end, of both: Linux starts no program with a longer one."""
ENV_MOST = 448 * 1024
"""Bytes of all names and values of [env]."""
VARIABLES_MOST = 512 * 1024
"""Bytes of all names and values of an app's variables. In a cluster they share one Secret, of 1 MiB at most, with [env]
and what loco injects."""
COMMAND_MOST = 64 * 1024
"""Bytes of a command with all its arguments."""

_NUL = "expected text without the character NUL: no program can be given it"


def faults(data: Mapping[str, Any]) -> Iterator[Found]:
    """Give place and message of all that is too much, in the data as written, however faulty the rest of it is."""
    found = {key: plain(value) for key, value in data.items()}
    yield from _ports(found)
    yield from _routes(found)
    yield from _env(found)
    yield from _command(("command",), found.get("command"))
    deploy = found.get("deploy")
    if isinstance(deploy, dict):
        yield from _command(("deploy", "release_command"), deploy.get("release_command"))
        yield from _drain(deploy.get("drain"))


def _ports(data: dict[str, Any]) -> Iterator[Found]:
    ports = tables(data.get("ports"))
    if len(ports) > PORTS_MOST:
        yield ("ports",), f"expected at most {PORTS_MOST} [[ports]]; there are {len(ports)}"
    for index, port in ports:
        if "--" in str(port.get("name", "")):
            yield ("ports", index, "name"), 'expected no "-" beside another (RFC 6335)'


def _routes(data: dict[str, Any]) -> Iterator[Found]:
    routes = tables(data.get("routes"))
    if len(routes) > ROUTES_MOST:
        yield ("routes",), f"expected at most {ROUTES_MOST} [[routes]]; there are {len(routes)}"
    at_host: Counter[str] = Counter()
    for index, route in routes:
        host = str(route.get("host") or data.get("name"))
        at_host[host] += 1
        if at_host[host] == ROUTES_PER_HOST + 1:
            yield ("routes", index), f"expected at most {ROUTES_PER_HOST} [[routes]] at one host; this is one more"
        if len(str(route.get("path", ""))) > ROUTE_PATH_MAX:
            yield ("routes", index, "path"), f"expected a path of at most {ROUTE_PATH_MAX} characters"


def _env(data: dict[str, Any]) -> Iterator[Found]:
    env = data.get("env")
    if not isinstance(env, dict):
        return
    total = 0
    for name, value in env.items():
        size = _bytes(name) + _bytes(value)
        total += size
        if _bytes(name) > ENV_NAME_MAX:
            yield ("env", name), f"expected the name of an environment variable, at most {ENV_NAME_MAX} characters"
        if size + 2 > ENV_VALUE_MAX:  # with "=" and NUL
            yield ("env", name), f"expected at most {ENV_VALUE_MAX >> 10} KiB: put longer text into a file of the image"
        if "\0" in str(value):
            yield ("env", name), _NUL
    if total > ENV_MOST:
        yield ("env",), _too_long(ENV_MOST, total, "put longer text into a file of the image")


def _command(place: Loc, command: Any) -> Iterator[Found]:
    parts = command if isinstance(command, list | tuple) else ()
    yield from (((*place, at), _NUL) for at, part in enumerate(parts) if "\0" in str(part))
    total = sum(_bytes(part) for part in parts)
    if total > COMMAND_MOST:
        yield place, _too_long(COMMAND_MOST, total, "put a script into the image")


def _drain(drain: Any) -> Iterator[Found]:
    try:
        too_long = isinstance(drain, str) and seconds(drain) > DRAIN_MOST
    except ValueError:
        return
    if too_long:
        yield ("deploy", "drain"), DRAIN_EXPECTED


def _too_long(most: int, total: int, instead: str) -> str:
    return f"expected at most {most >> 10} KiB in all; this is {total / 1024:.1f} KiB: {instead}"


def _bytes(text: Any) -> int:
    return len(text.encode(errors="surrogatepass")) if isinstance(text, str) else 0
