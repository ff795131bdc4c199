"""Where a token is found and kept: LOCO_TOKEN, a keyring of any temper, a file for its owner alone."""

import json
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from loco_cli import credentials
from loco_cli.credentials import Credentials, Token
from loco_spec.errors import UsageError

SERVER = "https://loco.example.com"
OTHER = "https://other.example.com"


class Keyring:
    """The module `keyring`. `meanwhile` happens whenever it is asked: nothing, a failure, or a wait without an end."""

    def __init__(self, meanwhile: Callable[[], object] = list) -> None:
        self._meanwhile = meanwhile
        self.kept: dict[tuple[str, str], str] = {}
        self.asked = 0

    def get_password(self, service: str, name: str) -> str | None:
        self._ask()
        return self.kept.get((service, name))

    def set_password(self, service: str, name: str, password: str) -> None:
        self._ask()
        self.kept[service, name] = password

    def delete_password(self, service: str, name: str) -> None:
        self._ask()
        del self.kept[service, name]

    def _ask(self) -> None:
        self.asked += 1
        self._meanwhile()


def broken() -> None:
    raise RuntimeError("no D-Bus")


def install(monkeypatch: pytest.MonkeyPatch, found: Keyring, store: str | None = None) -> Keyring:
    monkeypatch.setitem(sys.modules, "keyring", found)
    if store is None:
        monkeypatch.delenv("LOCO_CREDENTIAL_STORE")
    else:
        monkeypatch.setenv("LOCO_CREDENTIAL_STORE", store)
    return found


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> Keyring:
    return install(monkeypatch, Keyring())


@pytest.fixture
def locked(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A keyring that waits for a password that nobody types."""
    opened = threading.Event()
    install(monkeypatch, Keyring(opened.wait))
    monkeypatch.setattr(credentials, "KEYRING_SECONDS", 0.02)
    yield
    opened.set()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_without_anything_there_is_no_token() -> None:
    assert Credentials().find(SERVER) is None


def test_the_environment_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    Credentials().keep(SERVER, "loco_file")
    monkeypatch.setenv("LOCO_TOKEN", "loco_env")
    assert Credentials().find(SERVER) == Token("loco_env", "LOCO_TOKEN")


def test_a_line_end_around_the_environments_token_is_no_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCO_TOKEN", " loco_env\n")
    assert Credentials().find(SERVER) == Token("loco_env", "LOCO_TOKEN")
    monkeypatch.setenv("LOCO_TOKEN", "\n")
    assert Credentials().find(SERVER) is None


def test_a_token_shows_itself_nowhere() -> None:
    assert "loco_secret" not in repr(Token("loco_secret", "keyring"))


def test_the_file_is_for_its_owner_alone_and_says_where_it_is() -> None:
    found = Credentials()
    assert found.keep(SERVER, "loco_a") == str(found.path)
    assert mode(found.path) == 0o600
    assert mode(found.path.parent) == 0o700
    assert found.find(SERVER) == Token("loco_a", str(found.path))


def test_a_folder_that_others_could_read_is_closed_to_them() -> None:
    found = Credentials()
    found.path.parent.mkdir(mode=0o755, parents=True)
    found.path.with_suffix(".new").write_text("left by a run that was killed")
    found.keep(SERVER, "loco_a")
    assert mode(found.path.parent) == 0o700
    assert [path.name for path in found.path.parent.iterdir()] == ["credentials.json"]


def test_each_server_has_its_own_token() -> None:
    found = Credentials()
    found.keep(SERVER, "loco_a")
    found.keep(OTHER, "loco_b")
    found.keep(OTHER, "loco_c")
    assert [(found.find(url) or Token("", "")).text for url in (SERVER, OTHER)] == ["loco_a", "loco_c"]


def test_forgetting_one_keeps_the_others_and_the_last_takes_the_file_along() -> None:
    found = Credentials()
    found.keep(SERVER, "loco_a")
    found.keep(OTHER, "loco_b")
    found.forget(SERVER)
    assert found.find(SERVER) is None
    assert found.find(OTHER) is not None
    found.forget(OTHER)
    assert not found.path.exists()
    found.forget(OTHER)


@pytest.mark.parametrize("content", [b"{", b"\xff", b"", b'{"servers": '])
def test_a_file_that_cannot_be_read_is_told_with_what_to_do(content: bytes) -> None:
    found = Credentials()
    found.path.parent.mkdir(parents=True)
    found.path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        found.find(SERVER)
    assert caught.value.message.startswith(f"{found.path} cannot be read: ")
    assert caught.value.hint == "remove it, then: loco login"


@pytest.mark.parametrize("content", ["[]", "null", '{"version": 1}', '{"servers": null}', '{"servers": ["loco_a"]}'])
def test_a_file_of_another_shape_is_told_and_not_written_over(content: str) -> None:
    found = Credentials()
    found.path.parent.mkdir(parents=True)
    found.path.write_text(content)
    with pytest.raises(UsageError, match="is not loco's list of tokens") as caught:
        found.keep(SERVER, "loco_a")
    assert caught.value.hint == "remove it, then: loco login"
    assert found.path.read_text() == content


def test_a_keyring_is_used_where_there_is_one_and_leaves_no_copy_in_the_file(
    keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCO_CREDENTIAL_STORE", "file")
    Credentials().keep(SERVER, "loco_old")
    Credentials().keep(OTHER, "loco_other")
    monkeypatch.delenv("LOCO_CREDENTIAL_STORE")
    found = Credentials()
    assert found.keep(SERVER, "loco_new") == "the keyring"
    assert keyring.kept == {("loco", SERVER): "loco_new"}
    assert list(json.loads(found.path.read_text())["servers"]) == [OTHER]
    assert found.find(SERVER) == Token("loco_new", "keyring")


def test_a_token_is_forgotten_by_the_keyring_too(keyring: Keyring) -> None:
    found = Credentials()
    found.keep(SERVER, "loco_a")
    found.forget(SERVER)
    assert keyring.kept == {}
    assert found.find(SERVER) is None
    found.forget(SERVER)  # what is not there is forgotten


def test_a_keyring_that_fails_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, Keyring(broken))
    found = Credentials()
    assert found.find(SERVER) is None
    assert found.keep(SERVER, "loco_a") == str(found.path)
    assert found.find(SERVER) == Token("loco_a", str(found.path))
    found.forget(SERVER)
    assert found.find(SERVER) is None


@pytest.mark.usefixtures("locked")
def test_a_keyring_that_waits_for_ever_is_waited_for_a_while_and_not_at_the_end() -> None:
    found = Credentials()
    assert found.find(SERVER) is None
    assert found.keep(SERVER, "loco_a") == str(found.path)
    waiting = [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
    assert waiting
    assert all(thread.daemon for thread in waiting)


def test_a_keyring_that_was_asked_for_by_name_must_work(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, Keyring(broken), store="keyring")
    with pytest.raises(UsageError, match="the keyring does not answer") as caught:
        Credentials().keep(SERVER, "loco_a")
    assert "LOCO_CREDENTIAL_STORE=file" in caught.value.hint
    assert not Credentials().path.exists()


def test_a_keyring_is_not_asked_where_the_file_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    keyring = install(monkeypatch, Keyring(), store="file")
    found = Credentials()
    found.find(SERVER)
    found.keep(SERVER, "loco_a")
    found.forget(SERVER)
    assert keyring.asked == 0


def test_a_store_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCO_CREDENTIAL_STORE", "vault")
    with pytest.raises(UsageError, match="'vault'; it is file or keyring"):
        Credentials()
