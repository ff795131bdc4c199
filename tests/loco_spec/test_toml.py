"""loco.toml is found and read, or all its faults are told; nothing but a ConfigError ever comes out of it."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import example, given, settings
from hypothesis import strategies as st

from loco_spec import toml
from loco_spec.errors import ConfigError
from tests.loco_spec import services


def faults(text: str) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        toml.parse(text, default_name="shop")
    return {fault.path: fault.message for fault in caught.value.fields}


def refusal(read: Callable[[], object]) -> ConfigError | None:
    """Give the ConfigError that came of it; anything else that is raised fails the test."""
    try:
        read()
    except ConfigError as error:
        return error
    return None


def test_a_folder_without_a_file_and_one_with_an_empty_file_are_the_same_app(tmp_path: Path) -> None:
    folder = tmp_path / "My Shop"
    folder.mkdir()
    assert toml.find(folder) is None
    without = toml.load(folder)
    (folder / "loco.toml").touch()
    assert toml.find(folder) == folder / "loco.toml"
    assert toml.load(folder) == without
    assert without.name == "my-shop"


def test_a_name_in_the_file_wins_over_the_folders(tmp_path: Path) -> None:
    (tmp_path / "loco.toml").write_text('name = "shop"')
    assert toml.load(tmp_path).name == "shop"


def test_a_file_that_is_not_utf_8_is_told(tmp_path: Path) -> None:
    (tmp_path / "loco.toml").write_bytes(b'name = "sh\xffop"')
    with pytest.raises(ConfigError, match=r"not UTF-8 text \(byte 10\)"):
        toml.load(tmp_path)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path) -> bytes:
        raise PermissionError(13, os.strerror(13))

    (tmp_path / "loco.toml").touch()
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(ConfigError, match="Permission denied") as caught:
        toml.load(tmp_path)
    assert "ls -l" in caught.value.hint


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "loco.toml").write_bytes('\ufeffname = "shop"\r\n'.encode())
    assert toml.load(tmp_path).name == "shop"


def test_what_was_read_is_known_with_what_is_suspicious_in_it(tmp_path: Path) -> None:
    (tmp_path / "loco.toml").write_text('[env]\nDB_PASSWORD = "hunter2"\n')
    found = toml.read(tmp_path)
    assert found.written == {"env": {"DB_PASSWORD": "hunter2"}}
    (warning,) = found.warnings
    assert (warning.line, warning.column, warning.path) == (2, 15, "env.DB_PASSWORD")
    assert "hunter2" not in warning.model_dump_json()


def test_faults_within_keys_and_between_keys_come_together() -> None:
    found = faults("port = 0\n[health]\ninterval = 'soon'\n[scale]\ncpu = 5\nreplicas = 0\n[[routes]]\nport = 'x'")
    assert set(found) == {"port", "health.interval", "scale.cpu", "scale.replicas", "routes[0].port"}


def test_one_fault_is_counted_in_the_singular() -> None:
    with pytest.raises(ConfigError, match=r"loco\.toml has 1 fault$"):
        toml.parse("prot = 1", default_name="x")


def test_tables_that_stand_twice_are_all_told() -> None:
    text = "".join(f"[t{n}]\n[t{n}]\n" for n in range(30))
    found = faults(text)
    assert len(found) == 30
    assert all("twice" in message for message in found.values())


@given(services.services())
def test_any_app_written_as_toml_is_read_as_the_same_app(app: Any) -> None:
    written = tomli_w.dumps(services.without_none(app.model_dump(mode="json")))
    assert toml.parse(written, default_name="other") == app


PIECES = st.sampled_from(
    [
        "[",
        "]",
        "[[",
        "]]",
        "{",
        "}",
        "=",
        ",",
        ".",
        '"',
        "'",
        '"""',
        "'''",
        "\\",
        "\n",
        "\r\n",
        " ",
        "#",
        "name",
        "port",
        "ports",
        "health",
        "env",
        "1",
        "-1",
        "0x",
        "1e9",
        "true",
        "2026-01-01",
        "inf",
        "nan",
        "\x00",
        "\ufeff",
        "é",
        "[env]",
    ]
)


@given(st.one_of(st.text(), st.lists(PIECES).map("".join)))
@example("a = " + "[" * 5000)
@example("a." * 3000 + "b = 1")
@example("[" + "a." * 3000 + "b]\nname = 1")
@example("port = " + "1" * 5000)
@example("[a]\n[a]\nx")
@example('name = "\\uD800"')
@settings(max_examples=400)
def test_no_text_raises_anything_but_a_config_error(text: str) -> None:
    error = refusal(lambda: toml.parse(text, default_name="shop"))
    assert error is None or error.fields


@given(st.binary())
@settings(max_examples=100)
def test_no_bytes_raise_anything_but_a_config_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("shop")
    (folder / "loco.toml").write_bytes(content)
    error = refusal(lambda: toml.load(folder))
    assert error is None or error.message


VALUES = st.recursive(
    st.one_of(st.text(max_size=5), st.integers(-5, 70000), st.booleans(), st.floats(), st.dates(), st.times()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(services.KEYS), VALUES, max_size=4), st.sampled_from(services.KEYS), VALUES)
@settings(max_examples=400)
def test_no_value_under_a_known_key_raises_anything_but_a_config_error(
    data: dict[str, Any], key: str, value: Any
) -> None:
    tables = {name: {key: value} for name in ("health", "scale", "build", "security")}
    for text in (tomli_w.dumps(data), tomli_w.dumps({**data, **tables, "ports": [{key: value}]})):
        error = refusal(partial(toml.parse, text, default_name="shop"))
        assert error is None or all(fault.message and fault.line for fault in error.fields)
