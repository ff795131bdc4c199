"""The API against its own description: schemathesis asks every endpoint, well and badly, and checks each answer."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from schemathesis.python import asgi

from loco_server.flows.status import Status
from loco_server.http.table import ENDPOINTS
from loco_spec import paths
from loco_spec.version import VERSION, VERSION_HEADER
from tests.loco_server.http.promised import SIGNED_IN, WAITING, World

VERSIONED = {f"header.{VERSION_HEADER}": VERSION}
AIMED = {**VERSIONED, "path.team": "ann", "path.app": "shop", "path.number": str(WAITING), "path.name": "errors.md"}
CALLERS: dict[str, dict[str, Any]] = {
    "nobody": {"parameters": VERSIONED},
    "somebody who guesses": {"parameters": VERSIONED, "headers": {"Authorization": SIGNED_IN}},
    "a member": {"parameters": AIMED, "headers": {"Authorization": SIGNED_IN}},
}
"""Who asks: the last knows a team, an app and a deployment, and gets as far as what endpoints do."""

REFUSED_ALL_THE_SAME = {
    f"POST {paths.LOGIN}": 400,  # a provider that this server does not have
    f"POST {paths.DEPLOYMENTS}": 422,  # what must hold between the keys of a spec, and how quantities are written
    f"POST {paths.PLAN}": 422,  # the same
    f"POST {paths.IMAGE}": 422,  # an image that the registry does not have, or that a gate refuses
    f"POST {paths.LOGIN_FINISH}": 410,  # a sign-in that was never begun
    f"POST {paths.ACCOUNT_DELETE}": 400,  # another login than one's own
    f"POST {paths.TEAMS}": 422,  # what is no name of a team
    f"POST {paths.TOKENS}": 422,  # a name of an app that can be none, a day that is past
    f"POST {paths.TRUST}": 400,  # an issuer that nobody allowed
    f"POST {paths.VARIABLES}": 422,  # nothing to set or unset
    f"POST {paths.SCALE}": 422,  # no way of saying how many, or two
    f"GET {paths.LOGS}": 422,  # what is over, followed
    **{f"GET {path}": 426 for path in (paths.EXEC, paths.RUN, paths.FORWARD)},  # without an upgrade
}
"""What no schema can tell: requests of the right form that these refuse."""
ACCEPTED = ["2xx", "401", "403", "404", "409"]


@pytest.fixture
def world(records_url: str, tmp_path: Path) -> Iterator[World]:
    found = World(records_url, tmp_path)
    yield found
    # Where its requests were answered, and its connections opened.
    asgi._get_portal().call(found.close)


def config(caller: str, *, examples: int, seed: int, coverage: bool) -> SchemathesisConfig:
    operations = [
        {
            "include-name": name,
            "checks": {"positive_data_acceptance": {"expected-statuses": [*ACCEPTED, status]}},
        }
        for name, status in REFUSED_ALL_THE_SAME.items()
    ]
    return SchemathesisConfig.from_dict(
        {
            **CALLERS[caller],
            "seed": seed,
            "continue-on-failure": True,
            "generation": {"max-examples": examples, "database": "none"},
            "checks": {"positive_data_acceptance": {"expected-statuses": ACCEPTED}},
            "phases": {"coverage": {"enabled": coverage}, "stateful": {"enabled": False}},
            "operations": operations,
        }
    )


def run(world: World, settings: SchemathesisConfig) -> tuple[Counter[str], dict[str, str]]:
    """Give how many requests each endpoint got, and what was wrong with the answers: the first of each kind."""
    asked: Counter[str] = Counter()
    wrong: dict[str, str] = {}
    schema = schemathesis.openapi.from_asgi(paths.OPENAPI, world, config=settings)
    for event in from_schema(schema).execute():
        if isinstance(event, events.NonFatalError):
            wrong[event.label] = repr(event.value)
        elif isinstance(event, events.FatalError):
            raise event.exception
        elif isinstance(event, events.ScenarioFinished):
            asked[event.recorder.label] += len(event.recorder.cases)
            for node in (node for nodes in event.recorder.checks.values() for node in nodes):
                if node.failure_info is not None:
                    info = node.failure_info
                    told = f"{info.failure.title}: {info.failure.message}\n{info.code_sample}"
                    wrong.setdefault(f"{event.recorder.label}: {node.name}", told)
    return asked, wrong


@pytest.mark.sample("promised_callers")
@pytest.mark.parametrize("caller", CALLERS)
def test_every_answer_is_one_that_the_description_promises(
    world: World, caller: str, size: Callable[[str], int], seed: int, pytestconfig: pytest.Config
) -> None:
    long = pytestconfig.getoption("--long")
    # Every bound of every field, which takes a thousand requests, where requests get furthest; by luck everywhere.
    settings = config(
        caller, examples=size("api_requests"), seed=seed if long else 1, coverage=long or caller == "a member"
    )
    asked, wrong = run(world, settings)
    assert not wrong, f"seed {settings.seed}:\n" + "\n\n".join(f"{where}\n{what}" for where, what in wrong.items())
    # It leaves out the document that it reads.
    assert set(asked) == {f"{endpoint.method} {endpoint.path}" for endpoint in ENDPOINTS} - {f"GET {paths.OPENAPI}"}
    assert sum(asked.values()) >= (2000 if long else len(ENDPOINTS))


def test_an_answer_that_breaks_a_promise_is_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The suite above cannot pass by looking away."""

    async def forgetful(*_: Any) -> Any:
        raise RuntimeError("a defect")

    monkeypatch.setattr(Status, "apps", forgetful)
    _, wrong = run(world, config("nobody", examples=1, seed=1, coverage=False))
    assert not wrong
    _, wrong = run(world, config("a member", examples=1, seed=1, coverage=False))
    assert [where for where in wrong if where.endswith("not_a_server_error")] == [
        f"GET {paths.APPS}: not_a_server_error"
    ]
