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
