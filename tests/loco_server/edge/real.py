"""A real Envoy with the edge's files in a temporary folder, and small servers behind it."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from loco_server.edge.base import EdgeApp, EdgeCluster, EdgeRoute
from loco_server.edge.files import EnvoyEdge
from loco_server.local import envoy
from loco_server.settings import Ports, Settings
from tests.ports import free_port


class RealEdge:
    """Settings, files and the Envoy process that belongs to them."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(data_dir=folder, ports=Ports(api=free_port(), edge=free_port(), registry=free_port()))
        self.settings.run_dir.mkdir()
        self.said: list[str] = []
        self.files = EnvoyEdge(folder / "edge", admin_socket=self.settings.envoy_socket)
        self.process = envoy.supervised(self.settings, self.files, say=self.said.append)

    async def close(self) -> None:
        await self.files.close()
        await self.process.stop()

    def get(self, host: str, path: str = "/", headers: dict[str, str] | None = None) -> tuple[int, str]:
        """Ask the edge, without any tidying of the path."""
        connection = http.client.HTTPConnection("127.0.0.1", self.settings.ports.edge, timeout=10)
        try:
            connection.request("GET", path, headers={"Host": host, **(headers or {})})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()


@dataclass
class Upstream:
    name: str
    port: int
    hold: threading.Event = field(default_factory=threading.Event)
    """A request for /held is answered once it is set."""
    held: threading.Event = field(default_factory=threading.Event)
    """Set when such a request has come."""


@contextmanager
def upstream(name: str) -> Iterator[Upstream]:
    """Serve `<name> <path>` and the request's headers, a line each."""
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        server.daemon_threads = True
        found = Upstream(name, server.server_port)

        class Answer(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if self.path == "/held":
                    found.held.set()
                    found.hold.wait(20)
                body = f"{name} {self.path}\n{self.headers}".encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        server.RequestHandlerClass = Answer
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield found
        found.hold.set()
        server.shutdown()
        thread.join()


def app(app_id: str, host: str, *ports: int, path: str = "/", strip: bool = False, version: int = 1) -> EdgeApp:
    """An app with one http port, an instance per port number, and one route."""
    name = f"{app_id}-v{version}-http"
    return EdgeApp(
        app_id,
        (EdgeCluster(name, "http", tuple(("127.0.0.1", port) for port in ports)),),
        (EdgeRoute(host, path, strip, name),),
    )
