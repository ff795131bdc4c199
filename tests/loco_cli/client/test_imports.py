"""What the client imports with httpx: each command that asks the server waits for it."""

import subprocess
import sys


def test_httpx_comes_without_its_own_command_line() -> None:
    probe = "import sys, loco_cli.client.http; print(*sys.modules)"
    said = subprocess.run([sys.executable, "-c", probe], check=True, capture_output=True, text=True).stdout
    assert "httpx" in said.split()
    assert {"rich", "click", "pygments"} & set(said.split()) == set()
