"""How the API's and the registry's names are judged, and asked: over real TLS on loopback."""

import http.server
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from loco_server.check.cluster.hosts import Answer, api, asked, registry
from loco_server.check.finding import Finding
from tests.certificates import Authority
from tests.ports import free_port

REALM = 'Bearer realm="https://registry.a.example/registry/token",service="loco-registry"'
HERE = ("192.0.2.7",)


def of_api(**parts: object) -> Finding:
    return api(Answer("https://api.a.example/v1/server", **({"addresses": HERE} | parts)))  # type: ignore[arg-type]


def of_registry(**parts: object) -> Finding:
    found = Answer("https://registry.a.example/v2/", **({"addresses": HERE} | parts))  # type: ignore[arg-type]
    return registry(found, "registry.a.example")


@pytest.mark.parametrize(
    ("found", "state", "said"),
    [
        (of_api(status=200), "ok", "answers, at 192.0.2.7"),
        (of_api(status=404), "missing", "answers 404"),
        (of_api(addresses=()), "missing", "api.a.example is not found in the DNS"),
        (of_api(untrusted="self-signed certificate"), "missing", "not trusted here: self-signed certificate"),
        (of_api(silent="connection refused"), "missing", "does not answer from here: connection refused"),
        (of_registry(status=401, challenge=REALM), "ok", "asks for loco's tokens"),
        (of_registry(status=401, challenge='Bearer realm="http://loco-server"'), "missing", "token of others (Bearer"),
        (of_registry(status=401), "missing", "token of others (nothing)"),
        (of_registry(status=200), "missing", "lets everybody in"),
        (of_registry(status=503), "missing", "answers 503 instead of asking"),
        (of_registry(addresses=()), "missing", "registry.a.example is not found"),
    ],
)
def test_what_names_answer(found: Finding, state: str, said: str) -> None:
    assert (found.state, said in found.said) == (state, True), found
    assert bool(found.fix) is (state != "ok")


@contextmanager
def https(folder: Path, authority: Authority) -> Iterator[int]:
    """Answer 401 with our realm, over TLS; give the port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(401)
            self.send_header("WWW-Authenticate", REALM)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.pair("localhost").write(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.anyio
async def test_a_trusted_name_gives_its_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority()
    (tmp_path / "authority.pem").write_bytes(authority.certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    with https(tmp_path, authority) as port:
        found = await asked(f"https://localhost:{port}/v2/")
    assert (found.status, found.challenge, found.untrusted, found.silent) == (401, REALM, "", "")
    assert "127.0.0.1" in found.addresses


@pytest.mark.anyio
async def test_a_certificate_that_is_not_believed_is_told_apart_from_silence(tmp_path: Path) -> None:
    with https(tmp_path, Authority()) as port:
        found = await asked(f"https://localhost:{port}/v2/")
    assert "certificate" in found.untrusted
    assert found.silent == ""
    silent = await asked(f"https://localhost:{free_port()}/v2/")
    assert silent.silent
    assert silent.untrusted == ""


@pytest.mark.anyio
async def test_a_name_that_nobody_has_leads_nowhere() -> None:
    assert (await asked("https://nobody.invalid/v2/")).addresses == ()
    assert (await asked(f"https://{'a' * 64}.example/v2/")).addresses == ()
