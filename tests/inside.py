"""A command inside a container of a test.

docker-py's `exec_run` reads what an exec writes past the buffer that its HTTP library read the answer's head into: what
came together with the head is lost (docker-py #425, #3332). So the answer is read whole, as any other answer is.
"""

import subprocess
from typing import Any


def run_inside(container: Any, *command: str, user: str = "") -> "subprocess.CompletedProcess[str]":
    """Run it and wait for its end; it need not succeed."""
    api = container.client.api
    number = api.exec_create(container.id, list(command), user=user)["Id"]
    url = f"{api.base_url}/v{api.api_version}/exec/{number}/start"
    answer = api.post(url, json={"Detach": False, "Tty": False}, timeout=120)
    answer.raise_for_status()
    said = _streams(answer.content)
    code = int(api.exec_inspect(number)["ExitCode"])
    return subprocess.CompletedProcess(command, code, said[1].decode(), said[2].decode())


def _streams(content: bytes) -> dict[int, bytes]:
    """Take stdout (1) and stderr (2) apart: each frame has a head of its stream, three zeros and its length.

    Source: the Engine API, "Stream format" of ContainerAttach.
    """
    found = {1: b"", 2: b""}
    while content:
        stream, end = content[0], 8 + int.from_bytes(content[4:8], "big")
        found[stream] += content[8:end]
        content = content[end:]
    return found
