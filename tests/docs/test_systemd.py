"""The service unit, as systemd itself reads it."""

import shutil
import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[2] / "deploy/systemd/loco-server.service"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not on this machine")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    # Where its program is installed is the operator's affair; that there is one is what systemd looks at.
    there = tmp_path / UNIT.name
    there.write_text(UNIT.read_text().replace("/opt/loco/bin/loco-server", "/bin/true"))
    (tmp_path / "docker.service").write_text("[Service]\nExecStart=/bin/true\n")
    found = subprocess.run(
        ["systemd-analyze", "verify", str(there), str(tmp_path / "docker.service")],
        check=False,
        capture_output=True,
        text=True,
    )
    assert (found.returncode, found.stderr) == (0, "")
