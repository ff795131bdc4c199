"""What requests refuse by themselves, whichever endpoint they are sent to."""

from datetime import UTC, datetime

import pytest
from pydantic import BaseModel, ValidationError

from loco_spec import account, api, tokens, trust


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
