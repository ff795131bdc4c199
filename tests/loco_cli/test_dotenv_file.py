"""What a .env file says, and what is told of one that says nothing clear."""

import pytest

from loco_cli import dotenv_file
from loco_spec.errors import UsageError


def read(text: str | bytes) -> tuple[dict[str, str], list[str]]:
    notes: list[str] = []
    raw = text if isinstance(text, bytes) else text.encode()
    return dotenv_file.read(raw, source=".env", note=notes.append), notes


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A=1", {"A": "1"}),
        ("A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ("\ufeffA=1", {"A": "1"}),
        ("# all of it\n\nexport A=1 # why\n", {"A": "1"}),
        ("A=", {"A": ""}),
        ('A=""', {"A": ""}),
        ("A = spaced out  ", {"A": "spaced out"}),
        ("A=a=b#c", {"A": "a=b#c"}),
        (r'A="two\nlines and a \"quote\""', {"A": 'two\nlines and a "quote"'}),
        (r"A='raw\n and # no comment'", {"A": r"raw\n and # no comment"}),
        ('KEY="-----BEGIN\nabc\n-----END"\nB=1', {"KEY": "-----BEGIN\nabc\n-----END", "B": "1"}),
        ("A=1\nB=${A}\nC=$HOME", {"A": "1", "B": "${A}", "C": "$HOME"}),
        ("A=schön", {"A": "schön"}),
    ],
)
def test_the_grammar(text: str, found: dict[str, str]) -> None:
    assert read(text) == (found, [])


def test_nothing_is_filled_in_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER", "from outside")
    assert read('A="${OTHER}"')[0] == {"A": "${OTHER}"}


def test_a_name_that_stands_there_twice_is_told_and_the_last_one_counts() -> None:
    found, notes = read("A=sesame\nB=1\nA=2\n")
    assert found == {"A": "2", "B": "1"}
    assert notes == [".env has A twice, in lines 1 and 3; the last one counts"]


def test_all_lines_that_cannot_be_taken_are_told_at_once_and_none_is_shown() -> None:
    with pytest.raises(UsageError) as caught:
        read('A=1\n\n\nSESAME\n=sesame\n9B=sesame\nC="sesame\nD=1\nF=sesame\0\n')
    told = [(fault.path, fault.message[:20]) for fault in caught.value.fields]
    assert told == [
        ("line 4", "a name without a val"),
        ("line 5", "this is no assignmen"),
        ("line 6", "the name is not one:"),
        ("line 7", "this is no assignmen"),
        ("line 9", "F: a value cannot ha"),
    ]
    assert "sesame" not in str(caught.value.to_problem()).lower()
    assert "5 lines" in caught.value.message


def test_what_is_no_text_is_told() -> None:
    with pytest.raises(UsageError, match="not a text in UTF-8"):
        read(b"A=\xff")
