"""Which server is talked to, and what is remembered of it."""

import tomllib
from pathlib import Path

import pytest

from loco_cli import config
from loco_cli.config import Choice
from loco_spec.errors import UsageError

URL = "https://loco.example.com"


def test_without_anything_it_is_this_machines() -> None:
    assert config.server() == Choice("http://127.0.0.1:7070", "the default")


def test_the_flag_comes_before_the_environment_and_that_before_what_is_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config.remember_server("https://remembered.example.com")
    assert config.server() == Choice("https://remembered.example.com", str(config.config_file()))
    monkeypatch.setenv("LOCO_SERVER", "https://environment.example.com")
    assert config.server() == Choice("https://environment.example.com", "LOCO_SERVER")
    assert config.server(URL) == Choice(URL, "--server")


def test_what_is_empty_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCO_SERVER", "")
    assert config.server("") == Choice("http://127.0.0.1:7070", "the default")


def test_the_server_of_the_last_sign_in_is_remembered() -> None:
    config.remember_server("https://first.example.com")
    config.remember_server(URL)
    path = config.config_file()
    assert tomllib.loads(path.read_text()) == {"server": URL}
    assert [each.name for each in path.parent.iterdir()] == ["config.toml"]


def test_a_slash_at_the_end_makes_no_other_server() -> None:
    assert config.server(f"{URL}/").value == URL


@pytest.mark.parametrize(
    "text",
    [
        "loco.example.com",
        "localhost:7070",
        "ftp://loco.example.com",
        "https://",
        "https:///x",
        "http://[::1",
        "http://loco.example.com:seven",
        "http://loco.example.com:99999",
        "http://loco.example.com:0",
    ],
)
def test_what_is_no_url_of_a_server_is_refused_with_its_source(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    with pytest.raises(UsageError, match=r"^--server is not a URL of a server: ") as caught:
        config.server(text)
    assert repr(text) in caught.value.message
    assert caught.value.hint == "write it as https://loco.example.com"
    monkeypatch.setenv("LOCO_SERVER", text)
    with pytest.raises(UsageError, match=r"^LOCO_SERVER is not"):
        config.server()


@pytest.mark.parametrize(
    "text", ["https://ann:hunter2@loco.example.com", "ftp://:hunter2@x", "http://ann:hunter2@[::1"]
)
def test_a_password_in_a_url_is_refused_and_not_repeated(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("LOCO_SERVER", text)
    with pytest.raises(UsageError, match=r"^LOCO_SERVER has a password in its URL") as caught:
        config.server()
    assert "hunter2" not in f"{caught.value.message} {caught.value.hint}"


def remember(text: bytes) -> Path:
    path = config.config_file()
    path.parent.mkdir(parents=True)
    path.write_bytes(text)
    return path


@pytest.mark.parametrize("content", [b"server = ", b'server = "\xff"'])
def test_a_file_that_cannot_be_read_is_told_with_what_to_do(content: bytes) -> None:
    path = remember(content)
    with pytest.raises(UsageError) as caught:
        config.server()
    assert caught.value.message.startswith(f"{path} cannot be read: ")
    assert caught.value.hint == "loco login --server URL, after removing it"


def test_a_bad_url_in_the_file_is_told_with_the_file() -> None:
    path = remember(b'server = "loco.example.com"')
    with pytest.raises(UsageError) as caught:
        config.server()
    assert caught.value.message.startswith(f"{path} is not a URL of a server")


@pytest.mark.parametrize("content", [b"", b"server = 1", b'colour = "red"'])
def test_a_file_without_a_server_leaves_the_default(content: bytes) -> None:
    remember(content)
    assert config.server().source == "the default"


def test_loco_has_a_folder_of_its_own_under_each_base_of_the_desktop_standard(private_home: Path) -> None:
    assert config.xdg("XDG_CACHE_HOME", ".cache", {"XDG_CACHE_HOME": "/caches"}) == Path("/caches/loco")
    assert config.xdg("XDG_CACHE_HOME", ".cache", {"XDG_CACHE_HOME": ""}) == private_home / ".cache/loco"
    assert config.xdg("XDG_STATE_HOME", ".local/state", {}) == private_home / ".local/state/loco"


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://127.0.0.1", True),
        ("http://localhost:7070/x", True),
        ("http://LOCALHOST", True),
        ("http://[::1]:7070", True),
        ("http://shop.localhost", True),
        ("http://localhost@example.com", False),
        ("http://127.0.0.1.example.com", False),
        ("http://examplelocalhost", False),
        ("http://192.168.0.1", False),
        ("http://", False),
    ],
)
def test_loopback_is_what_never_leaves_the_machine(url: str, *, loopback: bool) -> None:
    assert config.is_loopback(url) is loopback
