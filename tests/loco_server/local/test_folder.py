"""The data folder: its secret, and what a killed server left in it."""

from pathlib import Path

import pytest

from loco_server.local import folder
from loco_server.settings import Settings
from loco_spec.errors import Conflict


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    found = Settings(data_dir=tmp_path / "data")
    folder.make(found)
    return found


def test_proofs_that_a_killed_server_left_are_removed_and_none_is_no_error(settings: Settings) -> None:
    settings.login_dir.mkdir()
    (settings.login_dir / "local-a").write_text("a proof")
    folder.forget_sign_ins(settings)
    folder.forget_sign_ins(settings)
    assert not settings.login_dir.exists()


def test_the_servers_secret_is_the_same_at_each_start_and_a_damaged_one_stops_it(settings: Settings) -> None:
    first = folder.server_key(settings)
    assert (len(first), folder.server_key(settings)) == (32, first)
    (settings.keys_dir / "server.key").write_bytes(first[:7])
    with pytest.raises(Conflict, match="has 7 bytes and should have 32"):
        folder.server_key(settings)
