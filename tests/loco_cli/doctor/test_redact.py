"""What is taken out of a text before somebody else reads it, and what stays."""

import pytest

from loco_cli.doctor.redact import Redactor

KNOWN = 'a "known" one/ü'


@pytest.fixture
def redactor() -> Redactor:
    return Redactor([KNOWN, "info", "several\nlines of it"], ["BY_STDIN"])


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"it is {KNOWN}!", "it is ***!"),
        ('{"x": "a \\"known\\" one/\\u00fc"}', '{"x": "***"}'),
        ("?q=a%20%22known%22%20one%2F%C3%BC&b", "?q=***&b"),
        ("first lines of it, then", "first ***, then"),
        ("with loco_session_abcdefghij_x7Gq and", "with *** and"),
        ("authorization: Bearer abc.def\nnext", "authorization: ***\nnext"),
        ("got Bearer abcdef.ghi, and", "got Bearer ***, and"),
        ("postgres://ann:pa/ss@db:5432/shop", "postgres://***@db:5432/shop"),
        ("DB_PASSWORD=p ss word", "DB_PASSWORD=***"),
        ('{"api-key": "short", "port": 80}', '{"api-key": ***, "port": 80}'),
        ("env: BY_STDIN=a b c", "env: BY_STDIN=***"),
        ("key 5f1e2d3c4b5a69788796a5b4c3d2e1f0 of", "key *** of"),
        ("MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7", "***"),
        ("-----BEGIN RSA PRIVATE KEY-----\nabc\ndef\n-----END RSA PRIVATE KEY-----\nrest", "***\nrest"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.sig", "***.***.sig"),
    ],
)
def test_a_secret_is_taken_out(redactor: Redactor, text: str, left: str) -> None:
    assert redactor.text(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "LOG_LEVEL=info",
        "v3-1 ended with exit code 137 after 3.5 s",
        "GET /healthz answers 503 at 2030-01-02T03:04:05.678901234Z",
        f"sha256:{'d1' * 32} of 127.0.0.1:7050/ann/shop-abcdefghij",
        "Linux-6.1.0-18-amd64-x86_64-with-glibc2.36",
        '  File "/usr/lib/python3.11/site-packages/starlette/routing.py", line 12',
        "listening on http://0.0.0.0:8080",
        "internationalization-2024",
    ],
)
def test_what_tells_what_happened_stays(redactor: Redactor, text: str) -> None:
    assert redactor.text(text) == text


def test_every_text_of_a_value_is_looked_at(redactor: Redactor) -> None:
    value = {"password": "x", "list": [KNOWN, 3, None, {"deep": KNOWN}], KNOWN: "key", "BY_STDIN": "y"}
    assert redactor.tree(value) == {
        "password": "***",
        "list": ["***", 3, None, {"deep": "***"}],
        "***": "key",
        "BY_STDIN": "***",
    }


def test_a_very_long_line_takes_no_long_time(redactor: Redactor) -> None:
    line = "a=b " * 50_000
    assert redactor.text(line) == line
