"""A forge that runs CI jobs: it gives a job its identity, and its files, as GitHub and GitLab do."""

import json
import os
import re
import ssl
import subprocess
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import typer
import yaml

from loco_spec.version import VERSION
from tests.certificates import Authority
from tests.e2e.stack import BIN, Stack
from tests.loco_server.identity.strict_issuer import Issuer

ROOT = Path(__file__).parents[2]
RUNNERS_TOKEN = "the runner's token"


class Forge:
    """An issuer on loopback, and over TLS the address where a job of GitHub's asks for its identity token."""

    def __init__(self, folder: Path) -> None:
        authority = Authority()
        self.authority = folder / "authority.pem"
        self.authority.write_bytes(authority.certificate)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*authority.pair("localhost").write(folder))
        self._servers = [
            ThreadingHTTPServer(("127.0.0.1", 0), self._handler(each)) for each in (self._keys, self._token)
        ]
        self._servers[1].socket = context.wrap_socket(self._servers[1].socket, server_side=True)
        for each in self._servers:
            threading.Thread(target=each.serve_forever, daemon=True).start()
        self.issuer = Issuer(f"http://127.0.0.1:{self._servers[0].server_port}", clock=time.time)
        self.tokens = f"https://localhost:{self._servers[1].server_port}/token?api-version=2.0"

    def close(self) -> None:
        for each in self._servers:
            each.shutdown()
            each.server_close()

    def _keys(self, path: str, headers: Mapping[str, str]) -> Any:
        del headers
        return self.issuer.answer(httpx.Request("GET", f"{self.issuer.url}{path}")).json()

    def _token(self, path: str, headers: Mapping[str, str]) -> Any:
        assert headers["authorization"] == f"Bearer {RUNNERS_TOKEN}"
        return {"value": self.issuer.token(aud=parse_qs(urlsplit(path).query)["audience"][0])}

    @staticmethod
    def _handler(answer: Any) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps(answer(self.path, self.headers)).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None: ...

        return Handler


@contextmanager
def forge(folder: Path) -> Iterator[Forge]:
    found = Forge(folder)
    try:
        yield found
    finally:
        found.close()


def wheel(folder: Path) -> Path:
    """A wheel of loco that pip installs without asking anybody: it leads to this tree and to what is installed here."""
    info, path = f"loco_deploy-{VERSION}.dist-info", folder / f"loco_deploy-{VERSION}-py3-none-any.whl"
    files = {
        "loco_here.pth": f"{ROOT}\n{Path(typer.__file__).parents[1]}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: loco-deploy\nVersion: {VERSION}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: here\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\nloco = loco_cli.entry:main\n",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in {**files, f"{info}/RECORD": "".join(f"{name},,\n" for name in files)}.items():
            archive.writestr(name, text)
    return path


@dataclass
class Done:
    code: int
    said: str
    outputs: dict[str, str] = field(default_factory=dict)
    summary: str = ""


def environment(stack: Stack, forge: Forge, **more: str) -> dict[str, str]:
    """What a job has, whoever runs it; nobody has ever signed in there."""
    kept = {name: value for name, value in stack.env().items() if not name.startswith("LOCO_SERVER")}
    return {
        **kept,
        "PATH": f"{BIN}:{os.environ['PATH']}".replace(f"{BIN}:{BIN}", str(BIN)),
        "CI": "true",
        "SSL_CERT_FILE": str(forge.authority),
        "PIP_NO_INDEX": "1",
        **more,
    }


def github(action: Path, inputs: Mapping[str, str], folder: Path, runner: Path, env: Mapping[str, str]) -> Done:
    """Run a composite action as GitHub's runner does; `runner`: what a job keeps from step to step."""
    described = yaml.safe_load((action / "action.yml").read_text())
    given = {name: str(each.get("default", "")) for name, each in described["inputs"].items()} | dict(inputs)
    files = {f"GITHUB_{name}": runner / name.lower() for name in ("OUTPUT", "PATH", "STEP_SUMMARY")}
    for each in files.values():
        each.write_text("")
    done = Done(0, "")
    for step in described["runs"]["steps"]:
        own = {name: _filled(value, given) for name, value in step.get("env", {}).items()}
        paths = ":".join([*reversed(files["GITHUB_PATH"].read_text().split()), env["PATH"]])
        found = subprocess.run(
            [step["shell"], "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=folder,
            env={
                **env,
                **{name: str(path) for name, path in files.items()},
                "GITHUB_ACTIONS": "true",
                "GITHUB_ACTION_PATH": str(action),
                "RUNNER_TEMP": str(runner),
                **own,
                "PATH": paths,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=180,
        )
        done.said += found.stdout
        done.code = found.returncode
        if done.code:
            break
    done.outputs = dict(line.split("=", 1) for line in files["GITHUB_OUTPUT"].read_text().splitlines())
    done.summary = files["GITHUB_STEP_SUMMARY"].read_text()
    return done


def _filled(text: str, inputs: Mapping[str, str]) -> str:
    return re.sub(r"\$\{\{ inputs\.(\w+) \}\}", lambda found: inputs[found[1]], text)


def gitlab(template: Path, variables: Mapping[str, str], folder: Path, env: Mapping[str, str]) -> Done:
    """Run the hidden job of a template as GitLab's runner does; its variables are the defaults."""
    job = yaml.safe_load(template.read_text())[".loco-deploy"]
    defaults = {name: str(value) for name, value in job["variables"].items() if not name.startswith("DOCKER_")}
    found = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", "\n".join(job["script"])],
        cwd=folder,
        env={**env, **defaults, **variables, "GITLAB_CI": "true", "CI_PROJECT_DIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=180,
    )
    report = folder / job["artifacts"]["reports"]["dotenv"]
    outputs = dict(line.split("=", 1) for line in report.read_text().splitlines()) if report.exists() else {}
    return Done(found.returncode, found.stdout, outputs)
