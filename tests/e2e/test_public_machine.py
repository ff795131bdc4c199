"""One public machine, and somebody elsewhere: another network and address, another engine, a private authority."""

import json
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import docker
import pytest
from cryptography import x509

from loco_server.engines.docker import names
from tests.certificates import Authority, Pair
from tests.e2e import visitor
from tests.e2e.namespace import Namespace, namespace
from tests.e2e.second_engine import second_engine
from tests.e2e.stack import QUICK, Begun, Stack
from tests.ports import free_ports
from tests.waiting import eventually

pytestmark = pytest.mark.engine

DOMAIN = "apps.loco-test.example"
APP = "faraway"
STANDARD = {"https": 443, "http": 80}

DOCKERFILE = """\
FROM loco-test/base:1
COPY www /www
COPY websocket /websocket
USER 10001
CMD ["sh", "-c", "trap 'exit 0' TERM; httpd -f -vv -p 8080 -h /www & nc -ll -p 9090 -e /websocket & wait"]
"""
TOML = f"""\
{QUICK}
[[ports]]
name = "http"
port = 8080
[[ports]]
name = "websocket"
port = 9090
[[routes]]
port = "http"
[[routes]]
path = "/websocket"
port = "websocket"
"""
WEBSOCKET = r"""#!/bin/sh
# Answers one connection as RFC 6455 has it, and sends each text back that comes.
key=
while read -r line && line=${line%?} && [ -n "$line" ]; do
  case $line in [Ss]ec-[Ww]eb[Ss]ocket-[Kk]ey:*) key=${line#*: } ;; esac
done
accept=$(printf '%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11' "$key" | sha1sum | cut -c 1-40 | xxd -r -p | base64)
printf 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
printf 'Sec-WebSocket-Accept: %s\r\n\r\n' "$accept"
bytes() { dd bs=1 count="$1" 2>/dev/null | od -An -v -tu1; }
while set -- $(bytes 2) && [ $# = 2 ]; do
  opcode=$(($1 & 15)) length=$(($2 & 127)) long=
  if [ $length = 126 ]; then
    set -- $(bytes 2)
    length=$(($1 * 256 + $2)) long="\\176\\$(printf %o $1)\\$(printf %o $2)"
  fi
  [ $opcode = 1 ] && kind=201 || kind=210  # a text, or the end
  set -- $(bytes 4)
  a=$1 b=$2 c=$3 d=$4 out="\\$kind${long:-\\$(printf %o $length)}"
  for byte in $(bytes $length); do
    out="$out\\$(printf %o $((byte ^ a)))" next=$a a=$b b=$c c=$d d=$next
  done
  printf "$out"
  [ $opcode = 1 ] || exit
done
"""


class Visit(Begun):
    def say(self, text: str) -> None:
        """Send a line, and wait until it has come back."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{text}\n")
        self.process.stdin.flush()
        eventually(lambda: self._goes_on() and f"{text}\n" in self.lines)

    def hang_up(self) -> int:
        """Say no more; give the exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.ended()

    def _goes_on(self) -> bool:
        assert self.process.poll() is None, self.said
        return True


@dataclass
class Public:
    """The machine, and who visits it."""

    machine: Stack
    authority: Authority
    there: Namespace
    away: Stack
    """The visitor's home, CLI and apps. It starts no server."""
    ports: dict[str, int]

    def url(self, host: str, path: str = "/", *, scheme: str = "https") -> str:
        port = self.ports[scheme]
        return f"{scheme}://{host}.{DOMAIN}{'' if port == STANDARD[scheme] else f':{port}'}{path}"

    def start(self) -> None:
        pair, stack = self.machine.folder, self.machine
        stack.start(
            *("run", "--domain", DOMAIN, "--data-dir", str(stack.data_dir), "--address", self.there.here),
            *("--tls-cert", str(pair / "cert.pem"), "--tls-key", str(pair / "key.pem")),
            *(f"--https-port={self.ports['https']}", f"--http-port={self.ports['http']}"),
            *(f"--api-port={stack.api}", f"--registry-port={stack.registry}"),
        )

    def curl(self, url: str, *options: str) -> str:
        """Ask from there, over HTTP/2 where that is agreed on."""
        return self.there.run("curl", "-sS", "--max-time", "10", *options, url, env=self.away.env())

    @contextmanager
    def visitor(self, how: str, path: str = "/") -> Iterator[Visit]:
        """Start the program that asks the app from there."""
        with subprocess.Popen(
            [*self.there.prefix, sys.executable, visitor.__file__, how, self.url(APP, path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self.away.env(),
        ) as process:
            visit = Visit(process)
            try:
                yield visit
            finally:
                process.kill()
                visit.ended()

    def replace(self, pair: Pair) -> None:
        """Rename new files over the old ones, as what renews certificates does."""
        fresh = self.machine.folder / "renewed"
        fresh.mkdir(exist_ok=True)
        for path in pair.write(fresh):
            path.replace(self.machine.folder / path.name)


@pytest.fixture(scope="module")
def public(base_image: str) -> Iterator[Public]:
    """A machine that serves, and somebody elsewhere with an engine, who has been told of its authority alone."""
    authority, hosts = Authority(), [f"{label}.{DOMAIN}" for label in ("api", "registry", APP)]
    with ExitStack() as undo:
        there = undo.enter_context(namespace(*hosts))
        ports = _ports(there.here)
        machine, away = Stack(), Stack(prefix=there.prefix)
        undo.callback(machine.remove)
        undo.callback(shutil.rmtree, away.folder)
        (away.folder / "server.out").symlink_to(machine.folder / "server.out")
        found = Public(machine, authority, there, away, ports)
        found.replace(authority.pair(f"*.{DOMAIN}"))
        ca = away.folder / "ca.pem"
        ca.write_bytes(authority.certificate)
        _trusted(found).parent.mkdir(parents=True)
        _trusted(found).write_bytes(authority.certificate)
        engine = undo.enter_context(second_engine(apart=True, prefix=there.prefix))
        away.environment |= {"SSL_CERT_FILE": str(ca), "DOCKER_HOST": engine.host, "LOCO_SERVER": ""}
        found.start()
        yield found


def _ports(address: str) -> dict[str, int]:
    """Give the standard ones, where nobody has them on all addresses."""
    try:
        for port in STANDARD.values():
            socket.create_server((address, port)).close()
    except OSError:
        return dict(zip(STANDARD, free_ports(2), strict=True))
    return STANDARD


def _trusted(public: Public) -> Path:
    """Give where the engine there looks for who signs for the registry."""
    return public.there.etc / "docker/certs.d" / public.url("registry", "").removeprefix("https://") / "ca.crt"


@pytest.fixture(scope="module")
def signed_in(public: Public) -> Public:
    """The administrator makes a token on the machine; from elsewhere it is signed in with, and remembered."""
    machine, away = public.machine, public.away
    machine.loco("login")
    token = machine.json("tokens", "create", "laptop", "--can", "admin")["token"]
    away.loco("login", "--server", public.url("api", ""), "--token-stdin", given=token)
    return public


@pytest.fixture(scope="module")
def app(signed_in: Public) -> Path:
    """An app with a page and a WebSocket, deployed from elsewhere."""
    files = {"www/index.html": "from far away", "websocket": WEBSOCKET}
    folder = signed_in.away.app(APP, DOCKERFILE, toml=TOML, files=files)
    (folder / "websocket").chmod(0o755)
    signed_in.away.loco("deploy", cwd=folder)
    return folder


def test_a_token_signs_in_from_elsewhere_and_is_seen_to_come_from_there(signed_in: Public) -> None:
    me = signed_in.away.json("whoami")
    assert (me["server"], me["token"]["name"]) == (signed_in.url("api", ""), "laptop")
    [token] = signed_in.machine.json("tokens", "list")["tokens"]
    assert token["used_from"] == signed_in.there.there


def test_whoever_has_not_named_the_authority_learns_how(signed_in: Public, app: Path) -> None:
    away = signed_in.away
    alone = away.loco("apps", exit_code=7, SSL_CERT_FILE="")
    assert "SSL_CERT_FILE=ca.pem" in alone.stderr
    trusted = _trusted(signed_in)
    trusted.unlink()
    refused = away.loco("deploy", "--force", cwd=app, exit_code=3)
    assert f"/etc/docker/certs.d/{trusted.parent.name}/ca.crt" in refused.stderr
    trusted.write_bytes(signed_in.authority.certificate)
    away.loco("deploy", "--force", cwd=app)


def test_an_app_is_pushed_over_the_link_and_served_over_https(signed_in: Public, app: Path) -> None:
    before, noise = signed_in.there.has_sent(), secrets.token_bytes(2_000_000)
    (app / "www/noise").write_bytes(noise)
    deployed = signed_in.away.json("deploy", cwd=app)["deployment"]
    assert signed_in.there.has_sent() - before > len(noise)
    assert deployed["urls"] == [signed_in.url(APP), signed_in.url(APP, "/websocket")]
    assert signed_in.curl(signed_in.url(APP)) == "from far away"


def test_a_line_that_a_request_writes_is_followed_from_elsewhere(signed_in: Public, app: Path) -> None:
    with signed_in.away.begin("logs", "-f", "-n", "0", cwd=app) as follower:

        def follows() -> bool:
            signed_in.curl(signed_in.url(APP))
            return bool(follower.lines)

        eventually(follows)
        signed_in.curl(signed_in.url(APP, "/seen"))
        eventually(lambda: "url:/seen\n" in follower.said, within=5)


def test_a_command_runs_in_the_app_and_a_port_leads_there_from_elsewhere(signed_in: Public, app: Path) -> None:
    away = signed_in.away
    found = away.loco("exec", "--", "sh", "-c", "cat; exit 7", cwd=app, given="typed from far away", exit_code=7)
    assert (found.stdout, found.stderr) == ("typed from far away", "")
    newest = away.json("events", "-n", "1")["events"][0]
    assert (newest["action"], newest["address"]) == ("app.exec", signed_in.there.there)
    with away.begin("forward", "0:8080", cwd=app) as begun:
        eventually(lambda: begun.lines)
        assert signed_in.curl(f"http://{begun.lines[0].split(' -> ')[0]}/") == "from far away"


@pytest.mark.parametrize("how", ["websocket", "websocket-over-http2"])
def test_a_websocket_speaks_with_an_app_over_tls(signed_in: Public, app: Path, how: str) -> None:
    with signed_in.visitor(how, "/websocket") as asked:
        for text in ("hello", "grüße aus der ferne", "x" * 125):
            asked.say(text)
        assert asked.hang_up() == 0


def test_plain_http_leads_to_https_which_is_http2(signed_in: Public, app: Path) -> None:
    plain = signed_in.curl(signed_in.url(APP, "/x?y=1", scheme="http"), "-w", "%{http_code} %header{location}")
    assert plain == f"308 {signed_in.url(APP, '/x?y=1')}"
    for host, path, status in (("api", "/v1/server", 200), ("registry", "/v2/", 401), (APP, "/", 200)):
        shown = signed_in.curl(signed_in.url(host, path), "-o", "/dev/null", "-w", "%{http_version} %{http_code}")
        assert shown == f"2 {status}"


def test_nothing_else_of_the_machine_is_reached_from_elsewhere(
    signed_in: Public, app: Path, docker_client: docker.DockerClient
) -> None:
    machine, there = signed_in.machine, signed_in.there
    assert all(there.reaches(there.here, port) for port in signed_in.ports.values())
    for address in there.addresses():
        assert not any(there.reaches(address, port) for port in (machine.api, machine.registry))
    [instance] = docker_client.containers.list(filters={"label": f"{names.APP}={APP}"})
    [network] = instance.attrs["NetworkSettings"]["Networks"].values()
    socket.create_connection((network["IPAddress"], 8080), timeout=5).close()
    assert not there.reaches(network["IPAddress"], 8080)


def test_a_certificate_is_replaced_without_a_failed_request_and_a_broken_one_is_not_taken(
    signed_in: Public, app: Path
) -> None:
    machine, pair = signed_in.machine, signed_in.authority.pair(f"*.{DOMAIN}")
    with signed_in.visitor("websocket", "/websocket") as kept, signed_in.visitor("load") as load:
        kept.say("before")
        eventually(lambda: "serial " in load.said)
        old = int(load.said.split()[1])
        signed_in.replace(pair)
        fresh = x509.load_pem_x509_certificate(pair.certificate).serial_number
        eventually(lambda: f"serial {fresh}\n" in load.said, within=20)
        signed_in.replace(Pair(b"-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n", pair.key))
        eventually(lambda: "the certificate stays as it is: " in machine.output(), within=20)
        kept.say("after")
        load.process.terminate()
        assert load.ended() == 0, load.said
        assert kept.hang_up() == 0
    report = json.loads(load.lines[-1])
    assert (report["failed"], report["serials"]) == ([], [old, fresh])
    assert min(report["answered"].values()) > 100
    print(f"{report['answered']}, all 200")  # noqa: T201  the figures, where a run is looked at
