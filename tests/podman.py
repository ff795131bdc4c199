"""A Podman of the test's own: its service on a socket, its images in a folder that goes with it."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
import pytest

from tests import images
from tests.waiting import eventually


class PodmanService:
    """`podman system service`, in mount and process namespaces of its own: nothing outlives its first process."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes]) -> None:
        self.host = f"unix://{folder}/any-name.sock"
        self._process = process

    def answers(self) -> bool:
        assert self._process.poll() is None, "podman ended"
        with socket.socket(socket.AF_UNIX) as found:
            return found.connect_ex(self.host.removeprefix("unix://")) == 0

    def make_base_image(self) -> None:
        client = docker.DockerClient(base_url=self.host, version="auto")
        name, _, tag = images.BASE.partition(":")
        client.api.import_image_from_data(images.root_file_system(), repository=name, tag=tag)
        client.api.tag(name, name, tag)  # older versions import as `latest`, whatever they are asked for
        client.close()

    def kill(self) -> None:
        """SIGKILL, as a crash does it."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


@contextmanager
def podman_service(*, apart: bool = False) -> Iterator[PodmanService]:
    """Run one. `apart`: in a network of its own, like one in a virtual machine; else on the machine's loopback."""
    if shutil.which("podman") is None:
        pytest.fail("these tests need podman (Debian: apt-get install podman; deselect them with -m 'not engine')")
    with tempfile.TemporaryDirectory(prefix="loco-podman-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        argv = ["unshare", "--mount", "--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc"]
        argv += ["--net", "podman"] if apart else ["podman"]
        argv += [f"--root={folder}/root", f"--runroot={folder}/run", f"--tmpdir={folder}/tmp"]
        argv += ["--cgroup-manager=cgroupfs", "system", "service", "--time=0", f"unix://{folder}/any-name.sock"]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(argv, stdout=log, stderr=log, start_new_session=True)
        service = PodmanService(folder, process)
        try:
            eventually(service.answers, within=30)
            service.make_base_image()
            yield service
        finally:
            if process.poll() is None:
                service.kill()
