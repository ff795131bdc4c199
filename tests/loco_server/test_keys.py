import os
import secrets
import stat
from pathlib import Path

import pytest

from loco_server import keys


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "a.pem"
    first = keys.signing_key(path)
    assert keys.signing_key(path).private_numbers() == first.private_numbers()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_certificate_follows_its_key(tmp_path: Path) -> None:
    key, other = keys.signing_key(tmp_path / "a.pem"), keys.signing_key(tmp_path / "b.pem")
    path = tmp_path / "a.crt"
    first = keys.certificate(path, key, "loco")
    assert keys.certificate(path, key, "loco") == first
    assert keys.certificate(path, other, "loco").public_key() == other.public_key()


def test_what_is_not_such_a_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_text("nonsense")
    with pytest.raises(ValueError):
        keys.signing_key(tmp_path / "a.pem")


def test_a_secret_is_made_once_synced_for_its_owner_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    path = tmp_path / "keys" / "server.key"
    first = keys.secret(path, lambda: secrets.token_bytes(32), length=32)
    assert keys.secret(path, lambda: secrets.token_bytes(32), length=32) == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(synced) == 2  # the file, and the folder that names it


@pytest.mark.parametrize("left", [b"", b"x" * 31, b"x" * 33])
def test_a_secret_that_was_cut_is_refused_and_not_made_anew(tmp_path: Path, left: bytes) -> None:
    (tmp_path / "server.key").write_bytes(left)
    with pytest.raises(ValueError, match="should have 32"):
        keys.secret(tmp_path / "server.key", lambda: secrets.token_bytes(32), length=32)
    assert (tmp_path / "server.key").read_bytes() == left
