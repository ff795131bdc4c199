"""What requests refuse by themselves, whichever endpoint they are sent to."""

from datetime import UTC, datetime

import pytest
from pydantic import BaseModel, ValidationError

from loco_spec import account, api, tokens, trust
from loco_spec.again import RollbackStart
from loco_spec.api import DeploymentCreate
from loco_spec.kinds.service import Service


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (account.AccountDelete, {"confirm": "ann"}),
        (trust.CiLogin, {"token": "t", "team": "acme"}),
        (tokens.TokenCreate, {"name": "ci", "can": "deploy", "expires": "90d"}),
    ],
)
def test_an_unknown_field_is_refused(kind: type[BaseModel], body: dict[str, str]) -> None:
    kind.model_validate(body)
    with pytest.raises(ValidationError, match="admin"):
        kind.model_validate({**body, "admin": "yes"})


@pytest.mark.parametrize("text", ["", "90", "forever"])
def test_a_token_without_an_end_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="90d"):
        tokens.TokenCreate.model_validate({"name": "ci", "can": "deploy", "expires": text})


@pytest.mark.parametrize("text", ["5", "1700000000", "12:00"])
def test_a_count_of_seconds_is_no_time_of_a_log(text: str) -> None:
    with pytest.raises(ValidationError, match="expected a time"):
        api.LogsQuery.model_validate({"since": text})


def test_a_time_of_a_log_is_taken_as_it_is() -> None:
    noon = datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert api.LogsQuery.model_validate({"since": "2026-01-31T12:00:00Z"}).since == noon
    assert api.LogsQuery.model_validate({"since": noon}).since == noon


def test_what_is_over_cannot_be_followed() -> None:
    assert api.LogsQuery(previous=True).previous
    with pytest.raises(ValidationError, match="cannot be followed"):
        api.LogsQuery(previous=True, follow=True)


@pytest.mark.parametrize("number", ["3", "3.0", "3e0"])
def test_a_whole_number_of_a_body_is_one_however_json_writes_it(number: str) -> None:
    assert RollbackStart.model_validate_json(f'{{"number": {number}}}').number == 3
    spec = f'{{"name": "shop", "ports": [{{"port": {number}}}]}}'
    found = DeploymentCreate.model_validate_json(f'{{"spec": {spec}}}').spec
    assert isinstance(found, Service)
    assert found.ports[0].port == 3


@pytest.mark.parametrize("number", ['"3"', "true", "3.5", "NaN", "1e400", "1e300"])
def test_what_is_no_whole_number_is_not_taken_for_one(number: str) -> None:
    with pytest.raises(ValidationError):
        RollbackStart.model_validate_json(f'{{"number": {number}}}')
