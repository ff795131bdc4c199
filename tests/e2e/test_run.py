"""`loco-server run`: the API, the apps and the registry under one domain, over TLS, as the world reaches them."""

import ipaddress
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from loco_server.records import schema
from loco_spec import names
from tests.certificates import Authority
from tests.e2e.stack import BIN, Stack, httpd
from tests.ports import free_ports
from tests.postgres import Postgres
from tests.waiting import eventually

pytestmark = [pytest.mark.engine, pytest.mark.sample("established")]

DOMAIN = "apps.loco-test.example"
HOSTS = Path("/etc/hosts")


@dataclass
class World:
    """A public machine, and everybody's way to it: names that resolve, and an authority that is trusted."""

    stack: Stack
    authority: Authority
    https: int
    http: int

    @property
    def argv(self) -> list[str]:
        stack = self.stack
        return [
            *("run", "--domain", DOMAIN, "--data-dir", str(stack.data_dir), "--address", "127.0.0.1"),
            *("--tls-cert", str(stack.folder / "cert.pem"), "--tls-key", str(stack.folder / "key.pem")),
            *(f"--https-port={self.https}", f"--http-port={self.http}"),
            *(f"--api-port={stack.api}", f"--registry-port={stack.registry}"),
        ]

    def start(self) -> None:
        """Start the server in the foreground, as a service manager would, and wait until the world is served."""
        with (self.stack.folder / "server.out").open("ab") as log:
            self.stack.process = subprocess.Popen(
                [BIN / "loco-server", *self.argv], stdout=log, stderr=log, env=self.stack.env()
            )
        eventually(self.answers, within=30)

    def answers(self) -> bool:
        process = self.stack.process
        assert process is None or process.poll() is None, self.stack.output()
        try:
            return self.get("api", "/v1/server").status_code == 200
        except httpx.TransportError:
            return False

    def get(self, host: str, path: str = "/") -> httpx.Response:
        return httpx.get(f"https://{host}.{DOMAIN}:{self.https}{path}", verify=self.trusting(), timeout=10)

    def trusting(self) -> ssl.SSLContext:
        return ssl.create_default_context(cadata=self.authority.certificate.decode())

    def serial(self) -> int:
        """Of the certificate that is shown now."""
        context = self.trusting()
        with (
            socket.create_connection(("127.0.0.1", self.https), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname=f"api.{DOMAIN}") as shown,
        ):
            found = shown.getpeercert()
        assert found is not None
        return int(str(found["serialNumber"]), 16)

    def protocol(self, host: str) -> str | None:
        """What is agreed on with a client that would take HTTP/2."""
        context = self.trusting()
        context.set_alpn_protocols(["h2", "http/1.1"])
        with (
            socket.create_connection(("127.0.0.1", self.https), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname=f"{host}.{DOMAIN}") as shown,
        ):
            return shown.selected_alpn_protocol()


@contextmanager
def named(*hosts: str) -> Iterator[None]:
    """Let the names mean this machine, to Python and to the container engine."""
    before = HOSTS.read_text()
    HOSTS.write_text(f"{before.rstrip()}\n127.0.0.1 {' '.join(hosts)}\n")
    try:
        yield
    finally:
        HOSTS.write_text(before)


@pytest.fixture
def world(own_stack: Stack) -> Iterator[World]:
    stack, authority = own_stack, Authority()
    https, http = free_ports(2)
    authority.pair(f"*.{DOMAIN}").write(stack.folder)
    ca = stack.folder / "ca.pem"
    ca.write_bytes(authority.certificate)
    stack.environment |= {"SSL_CERT_FILE": str(ca), "LOCO_SERVER": f"https://api.{DOMAIN}:{https}"}
    trusted = Path(f"/etc/docker/certs.d/registry.{DOMAIN}:{https}")
    trusted.mkdir(parents=True)
    (trusted / "ca.crt").write_bytes(authority.certificate)
    with named(*(f"{label}.{DOMAIN}" for label in ("api", "registry", "shop"))):
        yield World(stack, authority, https, http)
    (trusted / "ca.crt").unlink()
    trusted.rmdir()


def signed_in(world: World) -> None:
    """The administrator signs in on the machine itself, and makes a token for the world outside."""
    stack = world.stack
    stack.loco("login", LOCO_SERVER=stack.url)
    made = stack.json("tokens", "create", "ci", "--can", "admin", LOCO_SERVER=stack.url)
    stack.environment["LOCO_TOKEN"] = made["token"]


def test_the_world_deploys_and_is_served_over_tls_and_goes_on_while_the_server_does_not(world: World) -> None:
    stack = world.stack
    world.start()
    signed_in(world)
    folder = httpd(stack, "shop", text="over tls")
    deployed = stack.json("deploy", cwd=folder)["deployment"]
    assert deployed["urls"] == [f"https://shop.{DOMAIN}:{world.https}/"]
    assert world.get("shop").text == "over tls"
    plain = httpx.get(f"http://shop.{DOMAIN}:{world.http}/x?y=1", timeout=10)
    assert (plain.status_code, plain.headers["location"]) == (308, f"https://shop.{DOMAIN}:{world.https}/x?y=1")
    assert {world.protocol(host) for host in ("api", "registry", "shop")} == {"h2"}
    assert world.get("api", "/readyz").json() == {"ready": True, "reasons": []}
    assert {world.get("api", path).status_code for path in ("/metrics", "/metrics/apps")} == {404}

    # The names do not lead past one another: what Host says of a connection for an app opens neither API nor registry.
    for host, path in ((f"api.{DOMAIN}", "/v1/server"), (f"registry.{DOMAIN}", "/v2/")):
        astray = httpx.get(
            f"https://shop.{DOMAIN}:{world.https}{path}", headers={"host": host}, verify=world.trusting(), timeout=10
        )
        assert astray.status_code == 404
    assert httpx.get(f"https://registry.{DOMAIN}:{world.https}/v2/", verify=world.trusting()).status_code == 401

    # A connection for the API is for the API alone, and says so to a browser that would reuse it.
    shared = httpx.get(
        f"https://api.{DOMAIN}:{world.https}/", headers={"host": f"shop.{DOMAIN}"}, verify=world.trusting(), timeout=10
    )
    assert shared.status_code == 421
    # The administrator's sign-in by a file is for the machine itself.
    offered = world.get("api", "/v1/server").json()["providers"]
    assert ("local" in offered, httpx.get(f"{stack.url}/v1/server").json()["providers"]) == (False, ["local"])
    begun = httpx.post(f"https://api.{DOMAIN}:{world.https}/v1/login", json={}, verify=world.trusting())
    assert (begun.status_code, "run/login" in begun.text) == (400, False)

    # From where somebody came is Envoy's word, whatever they claim.
    forged = {"x-forwarded-for": "203.0.113.7", "authorization": f"Bearer {stack.environment['LOCO_TOKEN']}"}
    httpx.get(f"https://api.{DOMAIN}:{world.https}/v1/me", headers=forged, verify=world.trusting()).raise_for_status()
    listed = stack.json("tokens", "list", LOCO_SERVER=stack.url, LOCO_TOKEN="")["tokens"]
    [used_from] = [each["used_from"] for each in listed]
    # Envoy calls what comes over loopback by the machine's own address.
    assert ipaddress.ip_address(used_from) != ipaddress.ip_address("203.0.113.7")

    stack.stop()
    assert world.get("shop").text == "over tls"
    away = world.get("api", "/v1/server")
    assert (away.status_code, away.text) == (503, "the server is away for a moment; what runs goes on\n")
    world.start()
    assert "envoy runs already: adopted" in stack.output()
    assert stack.json("status", cwd=folder)["live"]["number"] == 1

    before = world.serial()
    world.authority.pair(f"*.{DOMAIN}", ends=timedelta(days=60)).write(stack.folder)
    eventually(lambda: world.serial() != before, within=20)
    assert world.get("shop").text == "over tls"

    assert "stopped" in stack.server("stop").stdout
    with pytest.raises(httpx.ConnectError):
        world.get("shop")


def test_it_is_refused_with_the_reason_and_nothing_is_left_running(world: World) -> None:
    stack = world.stack
    (stack.folder / "key.pem").write_bytes(world.authority.pair(f"*.{DOMAIN}").key)
    refused = stack.operator(*world.argv, check=False)
    assert refused.returncode == 2
    assert "the key is not that of" in refused.stderr
    assert "next: --tls-cert and --tls-key of one pair" in refused.stderr
    world.authority.pair(f"*.{DOMAIN}").write(stack.folder)
    with socket.create_server(("127.0.0.1", world.https)):
        refused = stack.operator(*world.argv, check=False)
    assert refused.returncode == 1
    assert f"port {world.https} of 127.0.0.1 is taken" in refused.stderr
    assert "--https-port" in refused.stderr
    assert "does not run" in stack.server("status", check=False).stdout
    assert stack.operator(*(each.replace(DOMAIN, "shop") for each in world.argv), check=False).returncode == 2


def test_records_on_postgresql_serve_the_world_too_and_old_ones_are_refused(world: World, postgres: Postgres) -> None:
    stack, name = world.stack, names.new_id()
    url = postgres.make(name)
    stack.environment["LOCO_DATABASE_URL"] = url.replace("+psycopg", "")
    stack.operator("migrate")
    world.start()
    signed_in(world)
    stack.loco("deploy", cwd=httpd(stack, "shop", text="from postgresql"))
    assert world.get("shop").text == "from postgresql"
    assert not (stack.data_dir / "loco.db").exists()
    stack.stop()
    world.start()
    assert world.get("shop").text == "from postgresql"
    assert "stopped" in stack.server("stop").stdout
    schema.downgrade(url, "0004")
    refused = stack.operator(*world.argv, check=False)
    assert refused.returncode == 1
    assert f"have the schema 0004, and this loco needs {schema.head()}" in refused.stderr
    assert "next: back them up, then: loco-server migrate" in refused.stderr
    stack.operator("migrate")
    assert "removed" in stack.server("reset", "--yes").stdout
    postgres.drop(name)
