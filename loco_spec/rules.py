"""What must hold between the keys of loco.toml, looked for in the data as written, however faulty the rest of it is."""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

Loc = tuple[int | str, ...]
Found = tuple[Loc, str]


def faults(data: Mapping[str, Any]) -> list[Found]:
    """Give place and message of every fault between keys. What is wrong in itself is somebody else's to tell."""
    found = {key: plain(value) for key, value in data.items() if value is not None}
    return [*_ports(found), *_image(found), *_scale(found), *_health(found), *_routes(found)]


def joined(
    title: str, error: ValidationError | None, between: list[Found], *, short_port: bool = False
) -> ValidationError:
    """Make one error of those within keys and those between them."""
    details = [
        InitErrorDetails(
            type=PydanticCustomError("between_keys", "{message}", {"message": message}), loc=loc, input=None
        )
        for loc, message in between
    ]
    for item in () if error is None else error.errors(include_url=False):
        loc = ("port",) if short_port and item["loc"][:3] == ("ports", 0, "port") else item["loc"]
        # Custom errors pass through as they are, their own message and all.
        kind = PydanticCustomError(item["type"], "{message}", {"message": item["msg"], **_context(item)})
        details.append(InitErrorDetails(type=kind, loc=loc, input=item["input"]))
    return ValidationError.from_exception_data(title, details)


def first_protocol(data: Mapping[str, Any]) -> str:
    """Give the protocol of the first port, as far as it can be told."""
    ports = tables(plain(data.get("ports")))
    return str(ports[0][1].get("protocol", "http")) if ports else "http"


def nearest(word: str, known: list[str]) -> str:
    """`; did you mean "port"?` where one of the known words is near."""
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f'; did you mean "{near[0]}"?' if near else ""


def _ports(data: dict[str, Any]) -> Iterator[Found]:
    if "port" in data and "ports" in data:
        yield ("port",), "expected either port or [[ports]]"
    if data.get("ports") in ([], ()):
        yield ("ports",), "expected one port at least: a service listens"
    for key, default in (("name", "http"), ("port", None)):
        seen: set[Any] = set()
        for index, port in tables(data.get("ports")):
            value = port.get(key, default)
            if isinstance(value, str | int) and value in seen:
                told = f'"{value}"' if key == "name" else value
                yield ("ports", index, key), f"another of the [[ports]] has the {key} {told} already"
            if isinstance(value, str | int):
                seen.add(value)


def _image(data: dict[str, Any]) -> Iterator[Found]:
    build = data.get("build")
    if "image" in data and isinstance(build, dict) and _said(build):
        yield ("image",), "expected either image or [build]"


def _scale(data: dict[str, Any]) -> Iterator[Found]:
    scale = data.get("scale")
    if not isinstance(scale, dict):
        return
    told = _said(scale)
    if "replicas" in told and ("min" in told or "max" in told):
        yield ("scale", "replicas"), "expected either replicas, or min and max"
    if "cpu" in told and "max" not in told:
        yield ("scale", "cpu"), "expected max beside it: cpu is the target of autoscaling"
    least, most = told.get("min", 1), told.get("max")
    if isinstance(least, int) and isinstance(most, int) and 1 <= most < least:
        yield ("scale", "max"), f"expected at least min, which is {least}"


def _health(data: dict[str, Any]) -> Iterator[Found]:
    health = data.get("health")
    if isinstance(health, dict) and health.get("path") is not None and first_protocol(data) == "tcp":
        yield ("health", "path"), "expected no path: the first port is tcp, and cannot be asked for one"


def _routes(data: dict[str, Any]) -> Iterator[Found]:
    ports = [port for _, port in tables(data.get("ports"))] or [{}]
    protocols = {str(port.get("name", "http")): port.get("protocol", "http") for port in ports}
    seen: set[tuple[Any, Any]] = set()
    for index, route in tables(data.get("routes")):
        place: Loc = ("routes", index)
        port = route.get("port")
        if port is None:
            port = next(iter(protocols))
        else:
            place = ("routes", index, "port")
        if isinstance(port, str) and port not in protocols:
            yield place, f'no port is named "{port}"{nearest(port, list(protocols)) or _known(protocols)}'
        elif isinstance(port, str) and protocols[port] == "tcp":
            yield place, f'the port "{port}" is tcp: inside the team only, no route leads there'
        key = (route.get("host") or data.get("name"), route.get("path", "/"))
        if all(isinstance(part, str) for part in key):
            if key in seen:
                yield ("routes", index), f"another of the [[routes]] has {key[0]}{key[1]} already"
            seen.add(key)


def _known(protocols: Mapping[str, Any]) -> str:
    return f"; there is: {', '.join(protocols)}"


def _said(table: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a table that say something: a stored spec names all of them, most with their defaults."""
    return {
        key: value for key, value in table.items() if value not in (None, (), [], {}) and value != _DEFAULTS.get(key)
    }


_DEFAULTS = {"dockerfile": "Dockerfile", "context": "."}


def tables(value: Any) -> list[tuple[int, dict[str, Any]]]:
    """The tables of an array, with their indices; what is no table is passed over."""
    if not isinstance(value, list | tuple):
        return []
    return [(index, item) for index, item in enumerate(value) if isinstance(item, dict)]


def plain(value: Any) -> Any:
    """Models as the dicts that they were made from."""
    if isinstance(value, BaseModel):
        return value.model_dump()
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def _context(item: Any) -> dict[str, Any]:
    return {key: value for key, value in item.get("ctx", {}).items() if key != "error"}
