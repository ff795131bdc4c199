"""What a tenant's container can reach, tried from inside it. Needs root: bridges, network namespaces, iptables."""

import asyncio
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import docker
import pytest

from loco_server.engines.base import AppRef, CapacityError
from loco_server.engines.docker import fence as fences
from loco_server.engines.docker import names
from loco_server.engines.docker.engine import DockerEngine
from loco_spec.names import new_id
from tests.contract.engines import MemoryEdge, MemoryKeeper, Told, new_app, owner, rollout, unit, web_image
from tests.inside import run_inside
from tests.waiting import eventually

pytestmark = pytest.mark.engine

PORT = 28471
"""Where a listener of the host stands during these tests, on every address."""


def _engine(installation: str, subnets: str = "10.215.0.0/16") -> DockerEngine:
    return DockerEngine(
        installation=installation,
        edge=MemoryEdge(),
        keeper=MemoryKeeper(),
        subnets=IPv4Network(subnets),
        data_dir=Path("/nowhere"),
    )


class Tenants:
    """Three apps of two teams, one container each."""

    def __init__(self, client: docker.DockerClient, apps: dict[str, AppRef]) -> None:
        self._client = client
        self._apps = apps

    def container(self, app: str) -> Any:
        return self._client.containers.get(f"loco-{self._apps[app].app_id}-v1-1")

    def address(self, app: str) -> str:
        return str(self.container(app).attrs["Config"]["Labels"]["loco/address"])

    def reaches(self, app: str, host: str, port: int) -> bool:
        """Whether the app's container gets a TCP connection, within a second."""
        # The applet's own -w is not enough: it does not bound the look-up of a name.
        reach = ("timeout", "2", "nc", "-w", "1", host, str(port), "-e", "true")
        return run_inside(self.container(app), *reach).returncode == 0


@pytest.fixture(scope="module")
def tenants(docker_client: docker.DockerClient) -> Iterator[Tenants]:
    image, front = web_image(docker_client), new_app("front")
    apps = {
        "front": front,
        "back": new_app("back", team_id=front.team_id),
        "stranger": new_app("stranger", team="other"),
    }
    with asyncio.Runner() as runner:
        engine = _engine(new_id())
        try:
            for app in apps.values():
                runner.run(engine.roll(rollout(app, 1, unit(image)), emit=Told(), guard=owner))
            yield Tenants(docker_client, apps)
        finally:
            runner.run(engine.remove_all())
            runner.run(engine.close())


@pytest.fixture(scope="module")
def host_listener() -> Iterator[int]:
    with socket.create_server(("", PORT)) as server:
        thread = threading.Thread(target=_accept, args=(server,), daemon=True)
        thread.start()
        yield PORT
        server.shutdown(socket.SHUT_RDWR)
    thread.join(timeout=5)


def _accept(server: socket.socket) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        connection.close()


def iptables(*words: str) -> None:
    subprocess.run(["iptables", "-w", "10", *words], check=True)


def saved() -> str:
    argv = ["iptables-save", "-t", "filter"]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@pytest.fixture(scope="module")
def space() -> Iterator[str]:
    """The name of a network namespace: another machine, wired to this one by `private_network`."""
    name = f"loco-test-{new_id()[:4]}"
    ip("netns", "add", name)
    yield name
    ip("netns", "del", name)


@pytest.fixture(scope="module")
def private_network(space: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A private and a public-looking address on the host itself, and one of each behind it, with a listener on PORT.

    Give them by what they are.
    """
    addresses = {
        "private on the host": "10.99.0.1",
        "private behind the host": "10.99.0.2",
        "metadata": "169.254.169.254",
        "public behind the host": "203.0.113.2",
    }
    listener: subprocess.Popen[bytes] | None = None
    try:
        ip("link", "add", "lcv0", "type", "veth", "peer", "name", "lcv1", "netns", space)
        for address in ("10.99.0.1/24", "203.0.113.1/24"):
            ip("addr", "add", address, "dev", "lcv0")
        ip("link", "set", "lcv0", "up")
        for address in ("10.99.0.2/24", "203.0.113.2/24", "169.254.169.254/32"):
            ip("-n", space, "addr", "add", address, "dev", "lcv1")
        ip("-n", space, "link", "set", "lcv1", "up")
        ip("-n", space, "route", "add", "default", "via", "10.99.0.1")
        ip("route", "add", "169.254.169.254/32", "dev", "lcv0")
        listener = subprocess.Popen(
            [
                "ip",
                "netns",
                "exec",
                space,
                "busybox",
                "httpd",
                "-f",
                "-p",
                str(PORT),
                "-h",
                str(tmp_path_factory.mktemp("www")),
            ]
        )
        eventually(lambda: connects("203.0.113.2"))
        yield addresses
    finally:
        if listener is not None:
            listener.kill()
            listener.wait()


def connects(address: str) -> bool:
    try:
        socket.create_connection((address, PORT), timeout=2).close()
    except OSError:
        return False
    return True


def host_addresses() -> list[str]:
    listing = subprocess.run(["ip", "-4", "-o", "addr"], check=True, capture_output=True, text=True).stdout
    return [line.split()[3].split("/")[0] for line in listing.splitlines() if " lo " not in line]


def test_the_host_reaches_every_container_and_teammates_reach_one_another_by_name(tenants: Tenants) -> None:
    for app in ("front", "back", "stranger"):
        socket.create_connection((tenants.address(app), 8080), timeout=2).close()
    assert tenants.reaches("front", "back", 8080)
    assert tenants.reaches("back", "front", 8080)


def test_another_teams_container_is_out_of_reach(tenants: Tenants) -> None:
    assert not tenants.reaches("front", tenants.address("stranger"), 8080)
    assert not tenants.reaches("stranger", tenants.address("front"), 8080)
    assert not tenants.reaches("stranger", "front", 8080)


def test_no_port_of_the_host_is_reached_at_any_of_its_addresses(
    tenants: Tenants, host_listener: int, private_network: dict[str, str]
) -> None:
    addresses = host_addresses()
    assert private_network["private on the host"] in addresses
    for address in addresses:
        assert connects(address)
    for address in {*addresses, "127.0.0.1"}:
        assert not tenants.reaches("front", address, host_listener), address


def test_metadata_and_private_networks_are_refused_and_public_ones_are_not(
    tenants: Tenants, private_network: dict[str, str]
) -> None:
    reached = {what: tenants.reaches("front", address, PORT) for what, address in private_network.items()}
    # The last one shows that forwarding works here, so that the others are the fence's doing.
    assert reached == dict.fromkeys(private_network, False) | {"public behind the host": True}


def test_around_the_fence_the_same_questions_get_through(
    tenants: Tenants, private_network: dict[str, str], host_listener: int
) -> None:
    """Break it once: what the tests above refuse is refused by the rules, and by nothing else."""
    container = tenants.container("front")
    gateway = container.attrs["NetworkSettings"]["Networks"].popitem()[1]["Gateway"]
    bridge = container.attrs["HostConfig"]["NetworkMode"]
    targets = (gateway, private_network["private behind the host"], private_network["metadata"])
    around = [(chain, "-i", bridge, "-j", "ACCEPT") for chain in ("INPUT", "DOCKER-USER")]
    for rule in around:
        iptables("-I", *rule)
    try:
        assert all(tenants.reaches("front", target, PORT) for target in targets)
    finally:
        for rule in around:
            iptables("-D", *rule)
    assert not any(tenants.reaches("front", target, PORT) for target in targets)


def reached_from_outside(space: str, address: str) -> bool:
    """Whether another machine, which routes the address through this one, gets a TCP connection, within a second."""
    argv = ["ip", "netns", "exec", space, "busybox", "nc", "-w", "1", address, "8080", "-e", "true"]
    return subprocess.run(argv, check=False, capture_output=True).returncode == 0


def test_another_machine_reaches_no_container_also_where_this_one_forwards(
    tenants: Tenants, private_network: dict[str, str], space: str
) -> None:
    bridge = tenants.container("front").attrs["HostConfig"]["NetworkMode"]
    # An operator's machine may forward whatever it is sent: then the fence alone stands before the containers.
    forwards = ("FORWARD", "-i", "lcv0", "-j", "ACCEPT")
    around = ("DOCKER-USER", "-i", "lcv0", "-o", bridge, "-j", "ACCEPT")
    iptables("-A", *forwards)
    try:
        assert not reached_from_outside(space, tenants.address("front"))
        assert not reached_from_outside(space, tenants.address("stranger"))
        iptables("-I", *around)
        try:
            assert reached_from_outside(space, tenants.address("front")), "the fence refused it, and nothing else"
        finally:
            iptables("-D", *around)
        assert not reached_from_outside(space, tenants.address("front"))
    finally:
        iptables("-D", *forwards)
    socket.create_connection((tenants.address("front"), 8080), timeout=2).close()


@pytest.mark.anyio
async def test_forty_teams_get_networks_also_when_they_all_ask_at_once(
    docker_client: docker.DockerClient, size: Callable[[str], int]
) -> None:
    installation, teams = new_id(), size("team_networks")
    engine = _engine(installation, "10.216.0.0/17")
    try:
        await asyncio.gather(*(engine.prepare(new_app(team=f"team{n}")) for n in range(teams)))
        networks = docker_client.networks.list(filters={"label": f"loco/installation={installation}"})
        subnets = {network.attrs["IPAM"]["Config"][0]["Subnet"] for network in networks}
        assert (len(networks), len(subnets)) == (teams, teams)
    finally:
        await engine.remove_all()
        await engine.close()


@pytest.mark.anyio
async def test_a_subnet_that_is_taken_is_passed_over_and_none_left_is_a_clear_error() -> None:
    first, second = _engine(new_id(), "10.217.0.0/23"), _engine(new_id(), "10.217.0.0/23")
    try:
        await first.prepare(new_app())
        await second.prepare(new_app())
        with pytest.raises(CapacityError, match="LOCO_SUBNETS"):
            await first.prepare(new_app())
        with pytest.raises(CapacityError, match="LOCO_SUBNETS"):
            await first.dry_run(rollout(new_app(), 1, unit("none")))
    finally:
        for engine in (first, second):
            await engine.remove_all()
            await engine.close()


@pytest.mark.anyio
async def test_without_a_fence_a_second_team_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = _engine(new_id(), "10.217.4.0/22")

    async def not_allowed(*argv: str, text: str = "") -> str:
        raise fences.FenceError(f"{argv[0]} said: Permission denied (you must be root)")

    monkeypatch.setattr(fences, "_run", not_allowed)
    app = new_app()
    try:
        await engine.prepare(app)
        await engine.prepare(app)
        with pytest.raises(CapacityError, match=r"kept apart.*you must be root"):
            await engine.prepare(new_app(team="other"))
    finally:
        monkeypatch.undo()
        await engine.remove_all()
        await engine.close()


@pytest.mark.anyio
async def test_a_fence_that_cannot_be_set_is_told_once_and_so_is_its_return(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    engine, reason = _engine(new_id(), "10.217.12.0/22"), "Permission denied"
    app = new_app()
    coming = frozenset({app.app_id})

    async def not_allowed(*argv: str, text: str = "") -> str:
        raise fences.FenceError(reason)

    try:
        await engine.prepare(app)
        with monkeypatch.context() as patch:
            patch.setattr(fences, "_run", not_allowed)
            for _ in range(3):
                await engine.reconcile([], coming)
            reason = "iptables is gone"
            await engine.reconcile([], coming)
        for _ in range(2):
            await engine.reconcile([], coming)
        said = [line.removeprefix("the fence between teams is ") for line in caplog.messages if "fence" in line]
        assert said == ["not in place: Permission denied", "not in place: iptables is gone", "in place again"]
    finally:
        await engine.remove_all()
        await engine.close()


@pytest.mark.anyio
async def test_reconcile_sets_a_fence_that_was_flushed_again(docker_client: docker.DockerClient) -> None:
    """That it was gone in between is not looked at: another installation on this machine may have been quicker."""
    engine = _engine(new_id(), "10.217.8.0/22")
    try:
        await engine.prepare(new_app())
        for source, way, target in fences.JUMPS:
            iptables("-D", source, way, "loco-+", "-j", target)
        await engine.reconcile([], frozenset())
        assert fences.jumps(saved()) == ()
    finally:
        await engine.remove_all()
        await engine.close()


@pytest.mark.anyio
async def test_the_network_of_a_team_that_has_nothing_goes_when_nothing_is_on_its_way(
    docker_client: docker.DockerClient,
) -> None:
    """A server that was killed had made it for an app which then never came to be."""
    engine, app = _engine(new_id(), "10.217.8.0/22"), new_app()
    try:
        await engine.prepare(app)
        await engine.reconcile([], frozenset({app.app_id}))
        assert docker_client.networks.list(names=[names.team_network(app.team_id)])
        await engine.reconcile([], frozenset())
        assert not docker_client.networks.list(names=[names.team_network(app.team_id)])
    finally:
        await engine.remove_all()
        await engine.close()
