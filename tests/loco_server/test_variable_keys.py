"""The file of keys: ours is made once, for its owner alone; the operator's is only read."""

import stat
from dataclasses import replace

import pytest

from loco_server import sealing
from loco_server.settings import Ports, Settings, local_settings
from loco_server.variable_keys import KeyFile
from loco_spec.errors import UsageError


def test_ours_is_made_where_nothing_needs_an_older_one_and_then_stays(settings: Settings) -> None:
    file = KeyFile(settings)
    with pytest.raises(UsageError, match="are not there") as caught:
        file.load(make=False)
    assert "backup" in caught.value.hint
    [key] = file.load(make=True)
    assert file.load(make=True) == (key,)
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert file.path == settings.keys_dir / "variables.keys"


def test_the_operators_own_is_never_made(settings: Settings) -> None:
    file = KeyFile(replace(settings, secret_keys=settings.data_dir / "mine"))
    with pytest.raises(UsageError, match=r"/mine"):
        file.load(make=True)
    assert not file.path.exists()


@pytest.mark.parametrize("content", ["k1:c2VzYW1l", "k1:sésame", "\ud800"])
def test_what_is_no_key_is_refused_and_not_shown(settings: Settings, content: str) -> None:
    file = KeyFile(settings)
    file.path.parent.mkdir()
    file.path.write_bytes(content.encode(errors="surrogatepass"))
    with pytest.raises(UsageError) as caught:
        file.load(make=True)
    assert str(file.path) in caught.value.message
    assert "same" not in caught.value.message


def test_a_file_that_cannot_be_read_is_told(settings: Settings) -> None:
    file = KeyFile(settings)
    file.path.mkdir(parents=True)
    with pytest.raises(UsageError, match="cannot be read"):
        file.load(make=True)


def test_the_variable_names_the_operators_file(settings: Settings) -> None:
    found = local_settings(settings.data_dir, Ports(), {"LOCO_SECRET_KEYS_FILE": "/etc/loco/variables.keys"})
    assert str(found.secret_keys) == "/etc/loco/variables.keys"
    assert sealing.new_key().id == "k1"
