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
import httpx

from tests import images
from tests.waiting import eventually

BRIDGE = f"loco-t{os.getpid()}"
"""Each run of tests has its own: another's would be deleted under its engine."""
ADDRESS = f"10.250.{os.getpid() % 250}.1/24"


class SecondEngine:
    """dockerd in process and mount namespaces of its own: nothing of it outlives its first process."""

    def __init__(self, folder: Path, argv: list[str]) -> None:
        self.host = f"unix://{folder}/docker.sock"
        self._log, self._pids = folder / "log", (folder / "pid", folder / "exec/containerd/containerd.pid")
        self._argv = argv
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, for the first time or after it was killed; wait until it answers."""
        for left in self._pids:  # in its namespace another process has the very pid that was written there
            left.unlink(missing_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._argv, stdout=log, stderr=log, start_new_session=True)
        eventually(self.answers, within=30)

    def answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"the second dockerd ended\n{self._log.read_text()[-3000:]}"
        with socket.socket(socket.AF_UNIX) as found:
            if found.connect_ex(self.host.removeprefix("unix://")) != 0:
                return False
        with httpx.Client(transport=httpx.HTTPTransport(uds=self.host.removeprefix("unix://"))) as client:
            try:
                return client.get("http://docker/_ping").is_success
            except httpx.TransportError:
                return False

    def make_base_image(self) -> None:
        client = docker.DockerClient(base_url=self.host, version="auto")
        images.base_image(client)
        client.close()

    def kill(self) -> None:
        """SIGKILL, as a crash does it; wait until nothing of it is left. Once is enough.

        Of dockerd itself: it is the first process of its namespace, and whoever started it ends when all in there have.
        The next one would find locked what a containerd holds that is still on its way out.
        """
        if self._process is not None and self._process.poll() is None:
            pid = self._process.pid
            dockerd = [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
            for each in dockerd or [pid]:
                os.kill(each, signal.SIGKILL)
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
            subprocess.run(["ip", "address", "add", ADDRESS, "dev", BRIDGE], check=True)
            subprocess.run(["ip", "link", "set", BRIDGE, "up"], check=True)
        engine = SecondEngine(folder, argv)
        try:
            engine.start()
            engine.make_base_image()
            yield engine
        finally:
            engine.kill()
            if not apart:
                subprocess.run(["ip", "link", "delete", BRIDGE], check=True)
