"""Somewhere else: a network namespace with one link to this machine, its own address, its own names, its own trust."""

import ipaddress
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

_RANGES = ("198.51.100.0/30", "203.0.113.0/30", "10.254.77.0/30")
"""What no machine should have: two for documentation, and a corner of the private ones."""
_ENTER = 'for f in "$0"/*; do mount --bind "$f" "/etc/${f##*/}" || exit 1; done; exec "$@"'
"""What `ip netns exec` does with /etc/netns, without its fresh /sys: that has no cgroups, and dockerd needs them."""


@dataclass(frozen=True)
class Namespace:
    name: str
    etc: Path
    """What is seen there in the place of files and folders of /etc."""
    link: str
    """This machine's end of it."""
    here: str
    """This machine's address on the link."""
    there: str

    @property
    def prefix(self) -> tuple[str, ...]:
        """What a command is run there by; it keeps its process id."""
        return ("nsenter", f"--net=/run/netns/{self.name}", "unshare", "--mount", "sh", "-c", _ENTER, str(self.etc))

    def run(self, *argv: str, code: int | None = 0, env: Mapping[str, str] | None = None) -> str:
        """Run a command there to its end, and check how it ended (None: do not); give what it printed."""
        found = subprocess.run([*self.prefix, *argv], check=False, capture_output=True, text=True, timeout=60, env=env)
        said = f"{argv} ended with {found.returncode}\n{found.stdout}\n{found.stderr}"
        assert code is None or found.returncode == code, said
        return found.stdout

    def reaches(self, address: str, port: int) -> bool:
        """Whether a connection from there is taken."""
        ask = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=1)"
        tried = subprocess.run(
            [*self.prefix, sys.executable, "-I", "-S", "-c", ask, address, str(port)],
            check=False,
            capture_output=True,
            text=True,
        )
        why = tried.stderr.strip().rpartition("\n")[2].partition(":")[0]
        assert why in {"", "ConnectionRefusedError", "TimeoutError"}, tried.stderr
        return not why

    def addresses(self) -> list[str]:
        """Give this machine's addresses on its networks, the link's too."""
        found = json.loads(_ip("-4", "-json", "address", "show", "scope", "global"))
        return [each["local"] for interface in found for each in interface["addr_info"]]

    def has_sent(self) -> int:
        """Give how many bytes have come over the link so far."""
        return int(Path(f"/sys/class/net/{self.link}/statistics/rx_bytes").read_text())


@contextmanager
def namespace(*hosts: str) -> Iterator[Namespace]:
    """Make one where these hosts are this machine. Nothing of it is left behind."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("a network namespace needs root, and the command ip")
    here, there = _addresses()
    with ExitStack() as undo:
        etc = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="loco-etc-")))
        found = Namespace(f"loco-test-{os.getpid()}", etc, f"lt{os.getpid()}", here, there)
        (etc / "hosts").write_text(f"127.0.0.1 localhost\n{here} {' '.join(hosts)}\n")
        (etc / "resolv.conf").write_text("# no name server: what stands in hosts is all there is\n")
        (etc / "docker").mkdir()
        if not (docker := Path("/etc/docker")).exists():
            docker.mkdir()
            undo.callback(docker.rmdir)
        try:
            _ip("netns", "add", found.name)
            undo.callback(_ip, "netns", "delete", found.name)
            _ip("link", "add", found.link, "type", "veth", "peer", "name", "eth0", "netns", found.name)
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no network namespace can be made here: {error.stderr.strip()}")
        undo.callback(_delete, found.link)
        _ip("address", "add", f"{here}/30", "dev", found.link)
        _ip("link", "set", found.link, "up")
        inside = ("-netns", found.name)
        _ip(*inside, "address", "add", f"{there}/30", "dev", "eth0")
        for each in ("lo", "eth0"):
            _ip(*inside, "link", "set", each, "up")
        # Every address that this machine has leads to it: what cannot be reached is closed, and not merely far away.
        _ip(*inside, "route", "add", "default", "via", here)
        yield found


def _addresses() -> tuple[str, str]:
    """Give two addresses of a range that this machine has no way to but the default one."""
    routes = json.loads(_ip("-4", "-json", "route", "show", "table", "all"))
    taken = [ipaddress.ip_network(each["dst"]) for each in routes if each["dst"] != "default"]
    for network in map(ipaddress.IPv4Network, _RANGES):
        if not any(network.overlaps(each) for each in taken):
            here, there = network.hosts()
            return str(here), str(there)
    pytest.skip(f"{', '.join(_RANGES)} are all in use on this machine")


def _ip(*argv: str) -> str:
    return subprocess.run(["ip", *argv], check=True, capture_output=True, text=True).stdout


def _delete(link: str) -> None:
    with suppress(subprocess.CalledProcessError):  # it went with whatever was left of the other end
        _ip("link", "delete", link)
