"""The whole of loco.toml as one frozen value.

    name = "shop"                    # default: the folder's name, made a slug. At most 40 characters
    kind = "service"
    team = "acme"                    # default: your own team
    image = "ghcr.io/acme/shop:1.4"  # instead of [build]
    command = ["gunicorn", "app"]    # default: the image's
    port = 8080                      # short for one [[ports]]

    [env]                            # plain values; secrets do not belong here
    LOG_LEVEL = "info"

The tables stand in `build.py`, `routes.py` and `runtime.py`.
"""

import re
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator

from loco_spec import kinds, names
from loco_spec.build import Build
from loco_spec.routes import Port, Route
from loco_spec.runtime import Deploy, Health, Metrics, Resources, Scale, Security
from loco_spec.tables import Table

DEFAULT_PORT = 8080
SCHEMA = 1
"""The number that a stored spec carries, so that later versions can read it through upgrade steps."""

_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _slug(text: str) -> str:
    if not names.is_slug(text):
        raise ValueError(
            f'expected a-z, 0-9 and "-", a letter first, at most {names.APP_NAME_MAX}: try "{names.slugify(text)}"'
        )
    return text


def _env_names(env: dict[str, str]) -> dict[str, str]:
    for name in env:
        if not _ENV_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a name of an environment variable")
    return env


Slug = Annotated[str, AfterValidator(_slug)]


class App(Table):
    name: Slug
    kind: Annotated[kinds.Kind, AfterValidator(kinds.checked)] = "service"
    team: Slug | None = None
    image: str | None = Field(default=None, min_length=1)
    command: tuple[str, ...] | None = Field(default=None, min_length=1)
    build: Build = Build()
    ports: tuple[Port, ...] = (Port(port=DEFAULT_PORT),)
    routes: tuple[Route, ...] = (Route(),)
    resources: Resources = Resources()
    scale: Scale = Scale()
    health: Health = Health()
    env: Annotated[dict[str, str], AfterValidator(_env_names)] = Field(default_factory=dict)
    security: Security = Security()
    deploy: Deploy = Deploy()
    metrics: Metrics | None = None

    @model_validator(mode="before")
    @classmethod
    def _short_port(cls, data: Any) -> Any:
        """`port = 8080` stands for one http port of that number."""
        if not isinstance(data, dict) or "port" not in data:
            return data
        if "ports" in data:
            raise ValueError("expected either port or [[ports]]")
        rest = {key: value for key, value in data.items() if key != "port"}
        return {**rest, "ports": [{"port": data["port"]}]}

    @model_validator(mode="after")
    def _keys_fit_together(self) -> Self:
        if not self.ports:
            raise ValueError("a service listens on one port at least: [[ports]] is empty")
        if self.image is not None and self.build != Build():
            raise ValueError("expected either image or [build]")
        known = [port.name for port in self.ports]
        if len(set(known)) < len(known):
            raise ValueError("two [[ports]] have the same name")
        numbers = [port.port for port in self.ports]
        if len(set(numbers)) < len(numbers):
            raise ValueError("two [[ports]] have the same port")
        seen: set[tuple[str, str]] = set()
        for route in self.routes:
            port = self.routed_port(route)
            if port is None:
                raise ValueError(f'a route leads to port "{route.port}", and the ports are: {", ".join(known)}')
            if port.protocol == "tcp":
                raise ValueError(f'a route leads to port "{port.name}", which is tcp: inside the team only')
            key = (route.host or self.name, route.path)
            if key in seen:
                raise ValueError(f"two routes for {key[0]}{key[1]}")
            seen.add(key)
        return self

    def routed_port(self, route: Route) -> Port | None:
        """The port that a route of this app leads to; None when it names one that is not there."""
        if route.port is None:
            return self.ports[0]
        return next((port for port in self.ports if port.name == route.port), None)
