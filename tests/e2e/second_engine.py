"""A Docker engine of the test's own, to be killed or cut off, beside the machine's."""

import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker

from tests import images
from tests.waiting import eventually

BRIDGE = "loco-test0"


class SecondEngine:
    """dockerd in process and mount namespaces of its own: nothing of it outlives its first process."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes]) -> None:
        self.host = f"unix://{folder}/docker.sock"
        self._process = process

    def answers(self) -> bool:
        assert self._process.poll() is None, "the second dockerd ended"
        with socket.socket(socket.AF_UNIX) as found:
            return found.connect_ex(self.host.removeprefix("unix://")) == 0

    def make_base_image(self) -> None:
        client = docker.DockerClient(base_url=self.host, version="auto")
        images.base_image(client)
        client.close()

    def kill(self) -> None:
        """SIGKILL, as a crash does it."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


@contextmanager
def second_engine(*, apart: bool, prefix: tuple[str, ...] = ()) -> Iterator[SecondEngine]:
    """Run one. `apart`: in a network of its own, like an engine in a virtual machine; else on the machine's loopback.
    `prefix`: what it is run by, where that network is there already.

    On the machine's network it gets a bridge of its own: without any, dockerd would remove the other engine's.
    """
    with tempfile.TemporaryDirectory(prefix="loco-engine-") as name:
        folder = Path(name)
        argv = [*prefix, "unshare", "--mount", "--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc"]
        argv += ["--net"] if apart and not prefix else []
        argv += ["dockerd", f"--data-root={folder}/data", f"--exec-root={folder}/exec", f"--pidfile={folder}/pid"]
        argv += [f"--host=unix://{folder}/docker.sock", "--iptables=false", "--ip-masq=false"]
        argv += ["--bridge=none"] if apart else [f"--bridge={BRIDGE}"]
        if not apart:
            subprocess.run(["ip", "link", "delete", BRIDGE], check=False, capture_output=True)
            subprocess.run(["ip", "link", "add", BRIDGE, "type", "bridge"], check=True)
            subprocess.run(["ip", "address", "add", "10.250.77.1/24", "dev", BRIDGE], check=True)
            subprocess.run(["ip", "link", "set", BRIDGE, "up"], check=True)
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(argv, stdout=log, stderr=log, start_new_session=True)
        engine = SecondEngine(folder, process)
        try:
            eventually(engine.answers, within=30)
            engine.make_base_image()
            yield engine
        finally:
            if process.poll() is None:
                engine.kill()
            if not apart:
                subprocess.run(["ip", "link", "delete", BRIDGE], check=True)
