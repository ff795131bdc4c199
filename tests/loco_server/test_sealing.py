"""Values are sealed to their place: moved, changed or without the key they cannot be opened."""

import base64
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loco_server import sealing
from loco_server.sealing import Key, Keyring, Place, UnreadableError

OLD, NEW = Key("k1", b"1" * 32), Key("k2", b"2" * 32)
PLACE = Place("abcdefghij", "DB_PASSWORD", 3)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_what_is_sealed_can_be_opened_and_its_size_is_known_without(value: str) -> None:
    text, key_id = Keyring([OLD]).seal(PLACE, value)
    assert (Keyring([NEW, OLD]).open(PLACE, text), key_id) == (value, "k1")
    assert sealing.size(text) == len(value.encode())


def test_the_form_names_the_key_and_holds_nonce_value_and_tag() -> None:
    text, _ = Keyring([NEW, OLD]).seal(PLACE, "sesame")
    version, key_id, encoded = text.split(".")
    assert (version, key_id) == ("v1", "k2")
    assert len(base64.b64decode(encoded)) == 12 + len("sesame") + 16
    assert "sesame" not in text


def test_the_same_value_is_never_sealed_to_the_same_text() -> None:
    ring = Keyring([OLD])
    assert len({ring.seal(PLACE, "sesame")[0] for _ in range(50)}) == 50


@pytest.mark.parametrize(
    "other",
    [replace(PLACE, app_id="bbbbbbbbbb"), replace(PLACE, name="DB_USER"), replace(PLACE, version=4)],
    ids=["app", "name", "version"],
)
def test_a_value_that_was_moved_to_another_place_cannot_be_opened(other: Place) -> None:
    ring = Keyring([OLD])
    text, _ = ring.seal(PLACE, "sesame")
    with pytest.raises(UnreadableError, match="not what the key k1 sealed for this place"):
        ring.open(other, text)


def test_no_two_places_are_authenticated_by_the_same_text() -> None:
    places = [Place("a", "b", 11), Place("a", "b1", 1), Place("ab", "", 11), Place('a","b', "", 1), Place("a", "b", 1)]
    assert len({place.authenticated for place in places}) == len(places)


def test_a_changed_byte_another_key_of_that_id_and_nonsense_are_noticed_and_no_value_is_told() -> None:
    ring = Keyring([OLD])
    text, _ = ring.seal(PLACE, "sesame")
    raw = bytearray(base64.b64decode(text.split(".")[2]))
    raw[15] ^= 1
    changed = f"v1.k1.{base64.b64encode(raw).decode()}"
    for wrong in (changed, "v1.k1.AAAA", "v1.k1.?", "v2" + text[2:], "sesame", f"{text}.x", ""):
        with pytest.raises(UnreadableError) as caught:
            ring.open(PLACE, wrong)
        assert "sesame" not in str(caught.value)
    with pytest.raises(UnreadableError, match="not what the key k1"):
        Keyring([Key("k1", b"x" * 32)]).open(PLACE, text)


def test_a_missing_key_is_named() -> None:
    text, _ = Keyring([OLD]).seal(PLACE, "sesame")
    with pytest.raises(UnreadableError, match=r"DB_PASSWORD, version 3.*the key k1 is not there"):
        Keyring([NEW]).open(PLACE, text)
    with pytest.raises(UnreadableError, match="no key"):
        Keyring().seal(PLACE, "sesame")


def test_what_was_read_before_a_key_was_dropped_can_be_opened_after() -> None:
    ring = Keyring([OLD])
    text, _ = ring.seal(PLACE, "sesame")
    ring.adopt([NEW])
    assert ring.ids == ("k2",)
    assert ring.open(PLACE, text) == "sesame"


def test_a_key_that_is_shown_is_shown_without_its_secret() -> None:
    assert "111" not in repr(OLD)


# --- the shown digest


def test_a_digest_tells_a_change_of_one_variable_and_nothing_else() -> None:
    key = sealing.digest_key(b"s" * 32)
    shown = sealing.digest(key, "app", "A", "sesame")
    assert len(shown) == 8
    assert int(shown, 16) >= 0
    assert sealing.digest(key, "app", "A", "sesame") == shown
    others = [("app", "A", "open"), ("app", "B", "sesame"), ("other", "A", "sesame"), ("app", "Ase", "same")]
    assert shown not in {sealing.digest(key, *each) for each in others}
    assert sealing.digest(sealing.digest_key(b"t" * 32), "app", "A", "sesame") != shown


# --- the file of keys


def test_keys_are_read_as_they_were_written() -> None:
    assert sealing.read(sealing.written([NEW, OLD])) == (NEW, OLD)
    assert sealing.read(f"# mine\n\n  k1 : {base64.b64encode(OLD.secret).decode()} \n") == (OLD,)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "there is no key"),
        ("# k1:\n", "there is no key"),
        ("sesame", "line 1: the key sesame is not 32 bytes"),
        ("k1:c2VzYW1l", "line 1: the key k1 is not 32 bytes"),
        ("k1:sesame!", "line 1: the key k1 is not 32 bytes"),
        ("\nse same:x", "line 2: expected the key's id"),
        (sealing.written([OLD, OLD]), "line 2: the key k1 stands there twice"),
    ],
)
def test_a_file_of_keys_that_is_none_is_told_by_its_line(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        sealing.read(text)


def test_a_new_key_has_the_next_id_and_is_random() -> None:
    assert [sealing.new_key(taken).id for taken in ((), ("k1", "k9"), ("mine", "k"))] == ["k1", "k10", "k1"]
    assert len({sealing.new_key().secret for _ in range(10)}) == 10
