"""Values that hold a secret do not show it: what is shown of them, in an error, a log line or a trace, is `repr`."""

import dataclasses
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from pydantic import BaseModel

import loco_cli
import loco_server
import loco_spec

SECRET = re.compile(
    r"(?:.*_)?(?:password|passphrase|secret|token|ticket|proof|code|invitation|key|credential|sealed|value|env"
    r"|environment|set)s?|database_url|variables"
)
"""What a field with a secret is called in this house."""

NO_SECRET = {
    "loco_cli.build.secret.Secret.env": "the name of a variable, never its value",
    "loco_cli.config.Choice.value": "a server's URL, of which one with a password is refused",
    "loco_cli.dockerfile.Stage.environment": "what a Dockerfile says in plain",
    "loco_cli.ui.results.Setting.key": "the name of a key of loco.toml",
    "loco_cli.ui.results.Setting.value": "what loco.toml says in plain, for `loco config` to show",
    "loco_server.gateway.decision.Deny.code": "the registry's word for an error",
    "loco_server.gateway.tickets.Grant.deployment_key": "names a deployment",
    "loco_server.gateway.tokens.Claims.deployment_key": "names a deployment",
    "loco_server.gateway.tokens.Claims.ticket": "the name of a ticket, never its password",
    "loco_server.http.gateway.Busy.code": "the registry's word for an error",
    "loco_server.http.openapi.Problem.code": "the name of an error",
    "loco_server.identity.base.Prompt.user_code": "shown to the person who signs in",
    "loco_server.identity.device.DeviceCode.user_code": "shown to the person who signs in",
    "loco_server.records.variables.Changed.set": "names",
    "loco_spec.api.LoginPrompt.user_code": "shown to the person who signs in",
    "loco_spec.trust.TrustRuleAdd.environment": "the name of one at GitHub",
    "loco_spec.variables.VariablesChanged.set": "names",
}
"""What is called so and holds none."""


def modules() -> Iterator[ModuleType]:
    for package in (loco_spec, loco_server, loco_cli):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.endswith(".__main__") and ".migrations." not in found.name:
                yield importlib.import_module(found.name)


def holds_text(annotation: Any) -> bool:
    """Whether it is text, bytes, or made of them; of a mapping the values count. Other classes speak for themselves."""
    if annotation in {str, bytes, Any}:
        return True
    made_of, arguments = get_origin(annotation), get_args(annotation)
    if inspect.isclass(made_of) and issubclass(made_of, Mapping):
        arguments = arguments[1:]
    return any(holds_text(each) for each in arguments)


def fields(cls: type) -> Iterator[tuple[str, Any, bool]]:
    """Give name and annotation of each field, and whether `repr` shows it."""
    if issubclass(cls, BaseModel):
        yield from ((name, each.annotation, each.repr) for name, each in cls.model_fields.items())
    elif dataclasses.is_dataclass(cls):
        hints = get_type_hints(cls)
        yield from ((each.name, hints[each.name], each.repr) for each in dataclasses.fields(cls))


def secret_fields() -> dict[str, bool]:
    return {
        f"{module.__name__}.{cls.__qualname__}.{name}": shown
        for module in modules()
        for cls in vars(module).values()
        if inspect.isclass(cls) and cls.__module__ == module.__name__
        for name, annotation, shown in fields(cls)
        if SECRET.fullmatch(name) and holds_text(annotation)
    }


def test_no_field_that_looks_like_a_secret_is_shown() -> None:
    shown = {name for name, is_shown in secret_fields().items() if is_shown}
    assert sorted(shown - set(NO_SECRET)) == []
    assert sorted(set(NO_SECRET) - shown) == []  # a name that went away, or is not shown any more


def test_the_walk_finds_what_it_is_for() -> None:
    assert {
        "loco_spec.api.PushTicket.password",
        "loco_spec.api.SignedIn.token",
        "loco_spec.variables.VariablesChange.set",
        "loco_server.engines.base.PullCredential.password",
        "loco_server.units.Unit.env",
        "loco_server.identity_settings.GoogleSettings.client_secret",
    } <= set(secret_fields())


@pytest.mark.parametrize("model", ["Request", "Response"])
def test_what_does_not_fit_the_wire_is_not_shown_in_the_error_either(model: str) -> None:
    found = [
        cls
        for module in modules()
        for cls in vars(module).values()
        if inspect.isclass(cls) and model in {base.__name__ for base in cls.__mro__} and issubclass(cls, BaseModel)
    ]
    assert len(found) > 10
    assert [cls for cls in found if not cls.model_config.get("hide_input_in_errors")] == []
