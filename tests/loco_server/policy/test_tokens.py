from hypothesis import given
from hypothesis import strategies as st

from loco_server.policy import tokens


def test_a_token_names_its_kind_and_id_and_matches_its_own_digest_only() -> None:
    one, other = tokens.new("session"), tokens.new("session")
    assert one.text.startswith(f"loco_session_{one.id}_")
    assert tokens.token_id(one.text) == one.id
    assert tokens.matches(one.text, one.sha256)
    assert not tokens.matches(other.text, one.sha256)


def test_a_token_is_not_shown_when_it_is_printed() -> None:
    token = tokens.new("session")
    assert token.text not in repr(token)
    assert token.sha256 not in repr(token)


def test_a_slip_in_any_place_is_seen_without_a_database() -> None:
    text = tokens.new("session").text
    for place in range(len(text)):
        slipped = text[:place] + ("x" if text[place] != "x" else "y") + text[place + 1 :]
        assert tokens.token_id(slipped) is None


@given(st.text(max_size=120))
def test_no_text_that_is_no_token_is_taken_for_one(text: str) -> None:
    assert tokens.token_id(text) is None
