"""Keys and values are found where a second, independent reader of TOML (tree-sitter's grammar) finds them."""

import re
import tomllib
from typing import Any

import pytest
import tomli_w
import tree_sitter_toml
from hypothesis import given
from hypothesis import strategies as st
from tree_sitter import Language, Node, Parser

from loco_spec import positions
from loco_spec.positions import Path, Span
from tests.loco_spec import services

PARSER = Parser(Language(tree_sitter_toml.language()))


def second_reading(text: str) -> dict[Path, Span]:
    """Give where the value of each assignment stands, by tree-sitter."""
    found: dict[Path, Span] = {}
    arrays: dict[Path, int] = {}
    raw = text.encode()
    offsets = {len(text[:n].encode()): n for n in range(len(text) + 1)}

    def span(node: Node) -> Span:
        return Span(offsets[node.start_byte], offsets[node.end_byte])

    def parts(node: Node) -> Path:
        if node.type == "dotted_key":
            return tuple(part for child in node.named_children for part in parts(child))
        word = raw[node.start_byte : node.end_byte].decode()
        return tuple(tomllib.loads(f"{word} = 0"))

    def pair(node: Node, above: Path) -> None:
        key, held, *_ = (child for child in node.named_children if child.type != "comment")
        value(held, (*above, *parts(key)))

    def value(node: Node, path: Path) -> None:
        found[path] = span(node)
        if node.type == "array":
            for index, child in enumerate(child for child in node.named_children if child.type != "comment"):
                value(child, (*path, index))
        elif node.type == "inline_table":
            for child in node.named_children:
                pair(child, path)

    def resolved(path: Path) -> Path:
        full: Path = ()
        for part in path:
            full = (*full, part)
            if full in arrays:
                full = (*full, arrays[full])
        return full

    for node in PARSER.parse(raw).root_node.named_children:
        if node.type == "pair":
            pair(node, ())
        elif node.type in {"table", "table_array_element"}:
            header = node.named_children[0]
            path = parts(header)
            if node.type == "table":
                path = resolved(path)
            else:
                array = (*resolved(path[:-1]), path[-1])
                arrays[array] = arrays.get(array, -1) + 1
                path = (*array, arrays[array])
            for child in node.named_children[1:]:
                if child.type == "pair":
                    pair(child, path)
    return found


def leaves(value: Any, path: Path = ()) -> dict[Path, Any]:
    """Give every value that is no table, by its path, as tomllib has it."""
    if isinstance(value, dict):
        return {p: v for key, item in value.items() for p, v in leaves(item, (*path, key)).items()}
    found = {path: value}
    if isinstance(value, list):
        for index, item in enumerate(value):
            found |= leaves(item, (*path, index))
    return found


TRICKY = """\
# a comment with = and [
"quoted key" = 'it''s'
a.b . "c d" = 1
long = \"\"\"
two "" lines\\\"\"\" \"\"\"\"
lit = '''x''''
date = 1979-05-27 07:32:00 # told
list = [ 1, [ 2, "]" ], # ,
  { x = 1, y.z = "}" },
]
[ t . u ]
k = "=" # [not]
[[ar]]
n = 1
[ar.sub]
m = { }
[[ar]]
n = 2
  [[ar.deep]]
  o = [ ]
"""


def test_a_tricky_file_is_read_as_by_the_second_reader() -> None:
    text = TRICKY.replace("'it''s'", "'its'")
    tomllib.loads(text)
    second = second_reading(text)
    first = positions.read(text).values
    assert second == {path: first[path] for path in second}
    assert set(first) == set(second)


@given(services.services())
def test_positions_agree_with_the_second_reader(app: Any) -> None:
    text = tomli_w.dumps(services.without_none(app.model_dump(mode="json")))
    first, second = positions.read(text).values, second_reading(text)
    assert first == second
    for path, value in leaves(tomllib.loads(text)).items():
        if path in first:  # an array of tables has headers, and no value of its own
            span = first[path]
            assert tomllib.loads(f"x = {text[span.start : span.end]}")["x"] == value


KEYS = st.one_of(st.from_regex(r"[A-Za-z0-9_-]{1,4}", fullmatch=True), st.text(max_size=3))
TREES = st.recursive(
    st.one_of(st.text(max_size=4), st.integers(), st.booleans(), st.dates(), st.floats(allow_nan=False)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, TREES, max_size=4), st.booleans())
def test_any_toml_has_each_value_where_it_can_be_read_again(data: dict[str, Any], multiline: bool) -> None:
    text = tomli_w.dumps(data, multiline_strings=multiline)
    found = positions.read(text)
    assert not found.duplicates
    tables = {path[: n + 1] for path in found.values for n in range(len(path))}
    for path, value in leaves(tomllib.loads(text)).items():
        assert path in found.values or path in found.keys or path in tables
        if path in found.values:
            span = found.values[path]
            assert tomllib.loads(f"x = {text[span.start : span.end]}")["x"] == value


def test_lines_and_columns_begin_at_one_and_count_characters() -> None:
    found = positions.read('"é" = "日"\n\n  x = 1')
    assert found.line_column(found.keys[("x",)].start) == (3, 3)
    assert found.line_column(found.values[("é",)].start) == (1, 7)
    assert found.line_column(0) == (1, 1)


@pytest.mark.parametrize(
    ("text", "twice", "rest"),
    [
        ("a = 1\na = 2\nb = 3", [("a",)], {"a": 1, "b": 3}),
        ("[a]\nx = 1\n[a]\ny = 2\n[b]", [("a",)], {"a": {"x": 1}, "b": {}}),
        ("a = {b = 1, c = 2, b = 3}", [("a", "b")], {"a": {"b": 1, "c": 2}}),
        ("a.b = 1\na.b = 2", [("a", "b")], {"a": {"b": 1}}),
        ("[[a]]\nx = 1\nx = 2\n[[a]]\nx = 3", [("a", 0, "x")], {"a": [{"x": 1}, {"x": 3}]}),
        ("[a]\nx = 1\n[a]\nx = 2\n[a]\nx = 3", [("a",), ("a",)], {"a": {"x": 1}}),
    ],
)
def test_what_stands_twice_can_be_taken_away_and_the_rest_is_toml(text: str, twice: list[Path], rest: Any) -> None:
    found = positions.read(text).duplicates
    assert [item.path for item in found] == twice
    for item in found:
        text = (
            text[: item.whole.start]
            + re.sub(r"[^\n]", " ", text[item.whole.start : item.whole.end])
            + text[item.whole.end :]
        )
    assert tomllib.loads(text) == rest


@pytest.mark.parametrize("text", ["a", "a =", "[a", "[a]]x", "a = [1", 'a = "', "= 1", 'a = {b = "c"', "a.b.", "\x00"])
def test_what_is_no_toml_ends_the_reading_quietly(text: str) -> None:
    assert positions.read("first = 1\n" + text).values[("first",)] == Span(8, 9)
