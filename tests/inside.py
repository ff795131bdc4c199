"""A command inside a container of a test.

By the engine's own client: docker-py reads what an exec writes past the buffer that its HTTP library read the
answer's head into, and what came together with the head is lost (docker-py #425, #3332): one time in some thousands.
"""

import subprocess
from typing import Any


def run_inside(container: Any, *command: str, user: str = "") -> "subprocess.CompletedProcess[str]":
    """Run it and wait for its end; it need not succeed."""
    who = ["--user", user] if user else []
    return subprocess.run(["docker", "exec", *who, container.id, *command], capture_output=True, text=True, check=False)
