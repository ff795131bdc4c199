"""Apps that fail, each in a way of its own: what is rolled, and what has to be found out."""

import dataclasses
import subprocess
from pathlib import Path
from typing import Any

import docker

from loco_server.units import Probe, UnitPort, UnitRoute
from tests import images
from tests.certificates import Authority
from tests.contract.engines import DOCKERFILE, MIB, PROBE, RUN, WWW

SHORT = dataclasses.replace(PROBE, grace=1.0, timeout=10.0)
"""Patient with what answers slowly on a busy machine; not with what never will."""


def sh(script: str) -> tuple[str, ...]:
    return ("/bin/sh", "-c", script)


def asks(path: str, **more: Any) -> Probe:
    return dataclasses.replace(SHORT, path=path, **more)


ARM = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xb7\x00" + bytes(100)
"""The beginning of a program for arm64."""
PROGRAMS = {"x/plain.sh": b"echo hello\n", "x/bash.sh": b"#!/bin/bash\necho hello\n", "x/arm.sh": ARM}
ADMIN = {
    "ports": (UnitPort("http", 8080, "http"), UnitPort("admin", 9000, "http")),
    "routes": (UnitRoute("shop.localhost", "/admin", "admin", strip_prefix=False),),
}
EATER = sh("x=0123456789abcdef; while :; do x=$x$x$x$x; done")
FILLER = sh("dd if=/dev/zero of=/tmp/x bs=1M count=70")

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "exited": ("exited", {"command": sh("for i in $(seq 30); do echo line $i; done; exit 3")}),
    "exited-silently": ("exited", {"command": sh("exit 1")}),
    "exited-zero": ("exited-zero", {"command": sh("echo all done")}),
    "killed-sigsegv": ("killed", {"command": sh("sh -c 'kill -SEGV $$'; exit $?")}),
    "killed-sigabrt": ("killed", {"command": sh("sh -c 'kill -ABRT $$'; exit $?")}),
    "killed-sigkill": ("killed", {"command": sh("sh -c 'kill -KILL $$'; exit $?")}),
    "out-of-memory": ("out-of-memory", {"command": EATER, "memory_bytes": 16 * MIB}),
    "command-not-found": ("command-not-found", {"command": ("gunicorn", "app")}),
    "command-not-found-by-shell": ("command-not-found", {"command": sh("gunicorn app")}),
    "interpreter-not-found": ("command-not-found", {"command": ("/x/bash.sh",)}),
    "command-not-executable": ("command-not-executable", {"command": ("/www/index.html",)}),
    "command-not-executable-by-shell": ("command-not-executable", {"command": sh("/www/index.html")}),
    "exec-format-script": ("exec-format", {"command": ("/x/plain.sh",)}),
    "exec-format-arm": ("exec-format", {"command": ("/x/arm.sh",)}),
    "permission-denied": ("permission-denied", {"command": sh("echo hello > /etc/motd"), "user": 10001}),
    "read-only": ("read-only", {"command": sh("echo ok > /tmp/x; echo ok > /www/x"), "read_only": True}),
    "disk-full": ("disk-full", {"command": FILLER, "read_only": True, "memory_bytes": 256 * MIB}),
    "loopback-only": ("loopback-only", {"command": sh("httpd -f -p 127.0.0.1:8080"), "probe": SHORT}),
    "wrong-port": ("wrong-port", {"command": ("/run.sh", "3000"), "probe": SHORT}),
    "wrong-port-on-loopback": ("wrong-port", {"command": sh("httpd -f -p 127.0.0.1:3000"), "probe": SHORT}),
    "routed-port-closed": ("wrong-port", {"probe": SHORT, **ADMIN}),
    "not-listening": ("not-listening", {"command": sh("exec sleep 60"), "probe": SHORT}),
    "probe-404": ("probe-status", {"probe": asks("/nothing")}),
    "probe-500": ("probe-status", {"probe": asks("/cgi-bin/fail.sh")}),
    "probe-escapes": (
        "probe-status",
        {"probe": asks("/cgi-bin/evil.sh"), "command": sh(r"printf '\033[2J\033]0;x\007\n'; exec /run.sh 8080")},
    ),
    "probe-redirect": ("probe-redirect", {"probe": asks("/cgi-bin/away.sh")}),
    "probe-silent": ("probe-no-answer", {"command": sh("nc -ll -p 8080 -e sleep 60"), "probe": asks("/", timeout=0.4)}),
    "probe-hangs-up": ("probe-no-answer", {"command": sh("nc -ll -p 8080 -e true"), "probe": asks("/")}),
    "probe-not-http": ("probe-not-http", {"command": sh("nc -ll -p 8080 -e echo '-ERR unknown'"), "probe": asks("/")}),
    "engine-refused": ("engine-refused", {"memory_bytes": MIB}),
}
"""Name → cause, and what differs from an app that serves."""

_EVIL = b"#!/bin/sh\nprintf 'Status: 503 Away\\r\\n\\r\\n\\033[31mred\\nand a second line\\n'\n"


def image(client: docker.DockerClient) -> str:
    """The image that serves, with programs that do not run."""
    dockerfile = DOCKERFILE.replace("COPY www /www\n", "COPY www /www\nCOPY x /x\n")
    return images.build(client, dockerfile, {"run.sh": RUN, **WWW, "www/cgi-bin/evil.sh": _EVIL, **PROGRAMS})


def tls_image(client: docker.DockerClient) -> str:
    """The machine's own openssl, which speaks TLS on port 8080."""
    needed = subprocess.run(["ldd", "/usr/bin/openssl"], check=True, capture_output=True, text=True).stdout
    paths = [word for word in needed.split() if word.startswith("/")] + ["/usr/bin/openssl"]
    pair = Authority().pair("app")
    files = {f"tls{path}.sh": Path(path).read_bytes() for path in paths}
    copies = "".join(f"COPY tls{path}.sh {path}\n" for path in paths)
    dockerfile = f"FROM loco-test/base:1\n{copies}COPY pem /pem\nUSER 10001\n"
    return images.build(client, dockerfile, {**files, "pem/cert": pair.certificate, "pem/key": pair.key})


TLS = ("openssl", "s_server", "-quiet", "-accept", "8080", "-cert", "/pem/cert", "-key", "/pem/key", "-www")
