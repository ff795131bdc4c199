"""kind = "service": containers that listen, behind routes. The whole of loco.toml as one frozen value.

    name = "shop"                    # default: the folder's name, made a slug. At most 40 characters
    kind = "service"
    team = "acme"                    # default: your own team
    image = "ghcr.io/acme/shop:1.4"  # instead of [build]
    command = ["gunicorn", "app"]    # default: the image's
    port = 8080                      # short for one [[ports]]

    [env]                            # plain values; secrets: loco variables, which win
    LOG_LEVEL = "info"

The tables stand in `build.py`, `routes.py` and `runtime.py`.
"""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, ValidationError, ValidationInfo, model_validator
from pydantic.functional_validators import ModelWrapValidatorHandler

from loco_spec import limits, names, references, rules
from loco_spec.build import Build
from loco_spec.routes import Port, Route
from loco_spec.runtime import Deploy, Health, Metrics, Resources, Scale, Security
from loco_spec.tables import Table

DEFAULT_PORT = 8080

_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_STORED = "stored"


def _slug(text: str) -> str:
    if not names.is_slug(text):
        raise ValueError(
            f'expected a-z, 0-9 and "-", a letter first, at most {names.APP_NAME_MAX}: try "{names.slugify(text)}"'
        )
    return text


def _env_name(text: str) -> str:
    if not _ENV_NAME.fullmatch(text):
        raise ValueError("expected the name of an environment variable: A-Z, a-z, 0-9 and _, no digit first")
    return text


def _image(text: str) -> str:
    references.parse(text)
    return text


Image = Annotated[str, AfterValidator(_image)]
Slug = Annotated[str, AfterValidator(_slug), Field(json_schema_extra={"pattern": r"^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$"})]
EnvName = Annotated[str, AfterValidator(_env_name)]


class Service(Table):
    name: Slug
    """The app's name. Default: the folder's, made a slug."""
    kind: Literal["service"] = "service"
    """What kind of workload it is: containers that listen."""
    team: Slug | None = None
    """The team that owns it. Default: your own."""
    image: Image | None = None
    """An image that is there already, instead of [build]."""
    command: tuple[str, ...] | None = Field(default=None, min_length=1)
    """What the containers run. Default: the image's own command."""
    build: Build = Build()
    """How the image is made."""
    ports: Annotated[tuple[Port, ...], Field(json_schema_extra={"maxItems": limits.PORTS_MOST})] = (
        Port(port=DEFAULT_PORT),
    )
    """Where the app listens. Default: one, "http" on 8080."""
    routes: Annotated[tuple[Route, ...], Field(json_schema_extra={"maxItems": limits.ROUTES_MOST})] = (Route(),)
    """Which hosts and paths lead to it. Default: its name, to the first port; none where that is tcp."""
    resources: Resources = Resources()
    """What each replica may use."""
    scale: Scale = Scale()
    """How many replicas there are."""
    health: Health = Health()
    """When a replica is healthy."""
    env: dict[EnvName, str] = Field(default_factory=dict, repr=False)
    """Plain environment variables; no place for secrets."""
    security: Security = Security()
    """How closely a replica is held."""
    deploy: Deploy = Deploy()
    """How a new version takes over."""
    metrics: Metrics | None = None
    """Where the app tells its metrics."""

    @model_validator(mode="wrap")
    @classmethod
    def _all_faults(cls, data: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        """Faults within keys and between keys come together: one must not hide the other."""
        if not isinstance(data, dict):
            return handler(data)
        between = rules.faults(data)
        if info.context != _STORED:
            between += limits.faults(data)
        try:
            found = handler(_long_form(data))
        except ValidationError as error:
            raise rules.joined(cls.__name__, error, between, short_port="port" in data) from error
        if between:
            raise rules.joined(cls.__name__, None, between)
        return found

    @classmethod
    def stored(cls, data: Any) -> Self:
        """Read what a record has: a limit that is younger does not make it unreadable."""
        return cls.model_validate(data, context=_STORED)

    def routed_port(self, route: Route) -> Port | None:
        """The port that a route of this app leads to; None when it names one that is not there."""
        if route.port is None:
            return self.ports[0]
        return next((port for port in self.ports if port.name == route.port), None)


def _long_form(data: dict[str, Any]) -> dict[str, Any]:
    """`port = 8080` stands for one http port of that number; where the first port is tcp, no route is made up."""
    found = dict(data)
    if "port" in found:
        port = found.pop("port")
        found.setdefault("ports", [{"port": port}])
    if "routes" not in found and rules.first_protocol(found) == "tcp":
        found["routes"] = ()
    return found
