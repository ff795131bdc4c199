"""Take out of a text what may be a secret: what is known to be one, and what has the looks of one. Pure.

It rather takes too much: whoever reads the text wants to know what happened, and needs no value for that.
"""

import base64
import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from loco_spec.suspicious import looks_secret

HIDDEN = "***"
KNOWN_LEAST = 6
"""Shorter values are words such as `info` and `8080`, which stand everywhere."""
_TOKEN = re.compile(r"\bloco_[a-z]+_\w+")
_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
_PACKED = re.compile(r"^\s*[A-Za-z0-9+/]{40,}={0,2}\s*$", re.MULTILINE)
"""A line of a file in PEM, or another in base64."""
_HEADER = re.compile(r"\b((?:proxy-)?authorization|(?:set-)?cookie)\b.*", re.IGNORECASE)
_SCHEME = re.compile(r"\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE)
_USERINFO = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)[^\s\"'<>]*@")
_NAME = re.compile(r"""(?<![\w-])([A-Za-z_][\w-]*)["']?[ \t]*[=:][ \t]*""")
_VALUE = re.compile(r""""(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[^\n]*""")
_WORD = re.compile(r"sha256:[0-9a-f]{12,64}|[A-Za-z0-9_+=-]{16,}")
_RANDOM = re.compile(r"(?=(?:[A-Za-z]*[0-9]){2})(?=(?:[0-9]*[A-Za-z]){2})[A-Za-z0-9]{16,}")


class Redactor:
    def __init__(self, known: Iterable[str], names: Iterable[str]) -> None:
        """`known`: values that are secret, whatever they look like; `names`: of variables whose values are."""
        forms = {form for value in known if len(value) >= KNOWN_LEAST for form in _forms(value)}
        self._known = re.compile("|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True)) or r"(?!)")
        self._names = frozenset(names)

    def text(self, text: str) -> str:
        text = self._known.sub(HIDDEN, text)
        text = _KEY.sub(HIDDEN, text)
        text = _PACKED.sub(HIDDEN, text)
        text = _TOKEN.sub(HIDDEN, text)
        text = _HEADER.sub(rf"\1: {HIDDEN}", text)
        text = _SCHEME.sub(rf"\1 {HIDDEN}", text)
        text = _USERINFO.sub(rf"\1{HIDDEN}@", text)
        text = self._assigned(text)
        return _WORD.sub(_word, text)

    def tree(self, value: Any) -> Any:
        """Do it in every text of a JSON value; also in a value as a whole, whose key says that it is secret."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {
                self.text(key): HIDDEN if isinstance(item, str) and self._is_secret(key) else self.tree(item)
                for key, item in value.items()
            }
        return [self.tree(item) for item in value] if isinstance(value, list | tuple) else value

    def _assigned(self, text: str) -> str:
        """Hide the values of `NAME=value` and `"name": "value"`, to the end of the line where no quotes hold them."""
        parts, at = [], 0
        for match in _NAME.finditer(text):
            if match.start() >= at and self._is_secret(match[1]):
                value = _VALUE.match(text, match.end())
                parts += [text[at : match.end()], HIDDEN]
                at = match.end() if value is None else value.end()
        return "".join([*parts, text[at:]])

    def _is_secret(self, name: str) -> bool:
        return name in self._names or looks_secret(name.replace("-", "_"), "a value")


def _word(match: re.Match[str]) -> str:
    word = match[0]
    if word.startswith("sha256:"):
        return word
    return HIDDEN if _RANDOM.search(word) else word


def _forms(value: str) -> set[str]:
    """Give a value as it may stand in a text."""
    packed = base64.b64encode(value.encode(errors="replace")).decode().rstrip("=")
    return {
        value,
        quote(value, safe="", errors="replace"),
        quote(value, errors="replace"),
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        *(line for line in value.splitlines() if len(line) >= KNOWN_LEAST),
        packed,
    }
