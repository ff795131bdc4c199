"""The keys of a cluster, as files for its Secrets."""

import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from loco_server import keys, sealing
from loco_server.admin import secrets
from loco_server.main import app
from loco_spec.errors import UsageError


def test_every_file_is_made_for_its_owner_alone_and_said_how_to_hand_them_over(tmp_path: Path) -> None:
    found = CliRunner().invoke(app, ["admin", "keys", "--directory", str(tmp_path / "made")])
    assert found.exit_code == 0, found.output
    made = {path.relative_to(tmp_path / "made"): path for path in (tmp_path / "made").rglob("*") if path.is_file()}
    assert sorted(map(str, made)) == [
        "keys/registry-tokens.pem",
        "keys/registry-uploads.key",
        "keys/registry-upstream.crt",
        "keys/registry-upstream.pem",
        "keys/server.key",
        "secret-keys/keys",
    ]
    for path in made.values():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert keys.belong_together(
        tmp_path / "made/keys/registry-upstream.pem", tmp_path / "made/keys/registry-upstream.crt"
    )
    assert [key.id for key in sealing.read((tmp_path / "made/secret-keys/keys").read_text())] == ["k1"]
    assert f"secret generic loco-keys -n loco-system --from-file={tmp_path}/made/keys\n" in found.output
    assert f"secret generic loco-secret-keys -n loco-system --from-file={tmp_path}/made/secret-keys\n" in found.output
    for secret in (
        (tmp_path / "made/secret-keys/keys").read_text(),
        (tmp_path / "made/keys/registry-uploads.key").read_text(),
    ):
        assert secret.strip() not in found.output


def test_keys_that_are_there_are_never_written_over(tmp_path: Path) -> None:
    secrets.make(tmp_path / "made")
    before = (tmp_path / "made/keys/server.key").read_bytes()
    with pytest.raises(UsageError, match="is not empty"):
        secrets.make(tmp_path / "made")
    assert (tmp_path / "made/keys/server.key").read_bytes() == before


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be used: Not a directory"):
        secrets.make(tmp_path / "file" / "made")
