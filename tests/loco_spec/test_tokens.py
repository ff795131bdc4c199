"""How long a token lives, as people write it; and what is never in the text of a value."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from loco_spec import teams, tokens

NOW = datetime(2030, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(("text", "seconds"), [("90d", 7776000), ("12h", 43200), ("30m", 1800), ("366d", 31622400)])
def test_a_lifetime_is_minutes_hours_or_days(text: str, seconds: int) -> None:
    assert tokens.lifetime_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "90", "d", "0d", "367d", "1y", "-1d", "1.5d", "999999d", " 1d", "1d\n", "never"])
def test_anything_else_is_none(text: str) -> None:
    with pytest.raises(ValueError, match='"90d"'):
        tokens.lifetime_seconds(text)


def test_a_name_of_a_team_is_a_slug() -> None:
    assert teams.TeamCreate(name="acme").name == "acme"
    with pytest.raises(ValidationError, match="a-z, 0-9"):
        teams.TeamCreate(name="Acme Inc")


def test_codes_and_tokens_are_not_in_the_text_of_what_holds_them() -> None:
    assert "s3cret" not in repr(teams.Join(code="s3cret"))
    invitation = teams.Invitation(id="i", created_at=NOW, expires_at=NOW)
    assert "s3cret" not in repr(teams.InvitationCreated(invitation=invitation, code="s3cret"))
    access = tokens.AccessToken(id="t", name="ci", team="acme", can="read", made_by="ann", created_at=NOW)
    assert "s3cret" not in repr(tokens.TokenCreated(access=access, token="s3cret"))
