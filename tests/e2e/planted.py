"""A platform with secrets planted in it, each another random one; whatever its commands say is kept to be searched."""

import base64
import json
import re
import stat
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Any

import httpx

from loco_server.http.table import ENDPOINTS
from loco_spec import paths
from tests.e2e.searching import Search
from tests.e2e.stack import HTTPD, QUICK, Begun, Stack

APP = "sealed"
VARIABLES = ("BY_STDIN", "BY_IMPORT", "BY_ARGUMENT")
ENV = "#!/bin/sh\necho\nenv\n"
BUILD = """\
FROM loco-test/base:1
RUN --mount=type=secret,id=npm --mount=type=secret,id=key \\
    cat /run/secrets/npm /run/secrets/key && echo and read # {run}
COPY www /www
RUN chmod 755 /www/cgi-bin/env
"""
SERVES = HTTPD.partition("COPY www /www\n")[2]
_TOKEN = re.compile(r"loco_(?:access|invite)_\w+")


def changed(secret: str) -> str:
    """Give it with another last character: a slip, which is as telling as the secret itself."""
    return secret[:-1] + ("x" if secret[-1] != "x" else "y")


class Planted(Stack):
    def __post_init__(self) -> None:
        super().__post_init__()
        self.search = Search()
        self.planted: dict[str, str] = {}
        self.commands = 0

    # --- what is kept -------------------------------------------------------------------------------------------

    def plant(self, name: str, text: str = "") -> str:
        """Plant a secret: a random one with characters that encodings change, or one that was given out."""
        self.planted[name] = self.search.plant(name, text or f'{token_hex(12)} "é/&{token_hex(12)}')
        return self.planted[name]

    def loco(self, *args: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
        return self._kept(super().loco(*args, **options), "loco", *args)

    def server(self, *args: str, **options: Any) -> subprocess.CompletedProcess[str]:
        return self._kept(super().server(*args, **options), "loco-server local", *args)

    @contextmanager
    def begin(self, *args: str | Path, **options: Any) -> Iterator[Begun]:
        with super().begin(*args, **options) as begun:
            try:
                yield begun
            finally:
                begun.process.kill()
                begun.ended()
                self.search.keep(f"output of loco {' '.join(map(str, args))}", begun.said)

    def ask(self, client: httpx.Client, method: str, path: str, **options: Any) -> httpx.Response:
        """Ask the API, and keep what it answers: head and body."""
        answer = client.request(method, path, **options)
        kind = "problem" if answer.headers.get("content-type") == "application/problem+json" else "answer"
        self.search.keep(f"{kind} to {method} {path}", f"{answer.headers}\n{answer.text}")
        return answer

    def _kept(self, done: subprocess.CompletedProcess[str], *words: str | Path) -> subprocess.CompletedProcess[str]:
        self.commands += 1
        told = " ".join(str(word).partition("=")[0] for word in words)
        self.search.keep(f"stdout of {told}", done.stdout)
        self.search.keep(f"stderr of {told}", done.stderr)
        return done

    # --- what is planted ----------------------------------------------------------------------------------------

    def plant_tokens(self) -> None:
        """Sign in by the CLI and by the API; make access tokens and invitations, each with --json and without."""
        self.loco("login")
        credentials = next(self.home.rglob("credentials.json"))
        assert stat.S_IMODE(credentials.stat().st_mode) == 0o600
        [session] = json.loads(credentials.read_text())["servers"].values()
        self.plant("session", session)
        with httpx.Client(base_url=self.url) as client:
            prompt = self.ask(client, "POST", paths.LOGIN, json={}).json()
            proof = Path(prompt["file"])
            assert stat.S_IMODE(proof.stat().st_mode) == 0o600
            body = {"proof": self.plant("proof of a sign-in", proof.read_text())}
            finish = paths.fill(paths.LOGIN_FINISH, login=prompt["login"])
            self.plant("session by the API", self.ask(client, "POST", finish, json=body).json()["token"])
            assert not proof.exists()
        self.loco("teams", "create", "sentinels")
        for given in ([], ["--json"]):
            made = self.loco("tokens", "create", "ci", "--can", "admin", *given).stdout
            self.plant(f"access token {len(given)}", _TOKEN.findall(made)[0])
            made = self.loco("teams", "invite", "--team", "sentinels", "--role", "viewer", *given).stdout
            self.plant(f"invitation {len(given)}", _TOKEN.findall(made)[0])
        self.loco("teams", "join", "-", given=self.planted["invitation 0"], exit_code=None)
        self.loco("teams", "join", self.planted["invitation 1"], exit_code=None)

    def plant_variables(self) -> None:
        by_stdin, by_import, by_argument = map(self.plant, VARIABLES)
        self.loco("variables", "set", "BY_STDIN", "--stdin", "--app", APP, given=by_stdin)
        (self.folder / "secret.env").write_text(f"BY_IMPORT='{by_import}'\n")
        self.loco("variables", "import", self.folder / "secret.env", "--app", APP, "--json")
        self.loco("variables", "set", f"BY_ARGUMENT={by_argument}", "--app", APP, "--json")

    def plant_build_secrets(self) -> None:
        (self.folder / "npmrc").write_text(self.plant("build secret from a file"))
        self.plant("build secret from the environment")

    def plant_ticket(self) -> None:
        """A deployment by the API alone: its ticket, a registry token for it, and one that is refused."""
        with self.client() as client:
            deployments = paths.fill(paths.DEPLOYMENTS, team=self.team(client), app="ticketed")
            made = self.ask(client, "POST", deployments, json={"spec": {"name": "ticketed"}}).json()
            ticket = made["ticket"]
            pair = (ticket["username"], self.plant("push ticket", ticket["password"]))
            query = {"service": "loco-registry", "scope": f"repository:{ticket['repository']}:pull,push"}
            self.plant(
                "registry token", self.ask(client, "GET", paths.REGISTRY_TOKEN, params=query, auth=pair).json()["token"]
            )
            for wrong in ((pair[0], changed(pair[1])), (pair[1], pair[0])):
                assert self.ask(client, "GET", paths.REGISTRY_TOKEN, params=query, auth=wrong).status_code == 401
            with httpx.Client(base_url=f"http://{ticket['registry']}") as registry:
                for token in (self.planted["registry token"], changed(self.planted["registry token"])):
                    headers = {"authorization": f"Bearer {token}"}
                    self.ask(registry, "GET", f"/v2/{ticket['repository']}/manifests/v1", headers=headers)
                    self.ask(registry, "POST", f"/v2/{ticket['repository']}/blobs/uploads/", headers=headers)
            cancel = paths.fill(paths.CANCEL, team=self.team(client), app="ticketed", number=1)
            assert self.ask(client, "POST", cancel).json()["state"] == "cancelled"

    # --- what is done with them ---------------------------------------------------------------------------------

    def sealed(self, *, serves: str = SERVES, release: str = "true", build: str = BUILD) -> Path:
        """Write the app that is told the variables, built anew with the build's secrets."""
        command = json.dumps(["sh", "-c", release])
        toml = QUICK.replace("[deploy]\n", f"[deploy]\nrelease_command = {command}\n")
        files = {"www/index.html": token_hex(4), "www/cgi-bin/env": ENV}
        return self.app(APP, build.format(run=token_hex(4)) + serves, toml=toml, files=files)

    def deploy(self, folder: Path, *args: str, **options: Any) -> subprocess.CompletedProcess[str]:
        given = ("--build-secret", f"id=npm,src={self.folder}/npmrc", "--build-secret", "id=key,env=A_KEY")
        key = self.planted["build secret from the environment"]
        return self.loco("deploy", *given, *args, cwd=folder, A_KEY=key, **options)

    def sign_in_with_docker(self, registry: str, user: str, password: str) -> None:
        """What `docker login` writes."""
        path = self.home / ".docker/config.json"
        path.parent.mkdir(exist_ok=True)
        pair = base64.b64encode(f"{user}:{password}".encode()).decode()
        path.write_text(json.dumps({"auths": {registry: {"auth": pair}}}))

    def team(self, client: httpx.Client) -> str:
        return str(client.get(paths.ME).json()["default_team"])

    # --- what the API says --------------------------------------------------------------------------------------

    def ask_wrongly(self) -> None:
        """Put secrets where each endpoint takes none: in unknown fields, in others of a wrong type, in no JSON."""
        secret = self.plant("secret in a wrong place")
        with self.client() as client:
            parts = defaultdict(lambda: "none", team=self.team(client), app=APP, number="1")
            for endpoint in ENDPOINTS:
                if endpoint.request is None:
                    continue
                path = endpoint.path.format_map(parts)
                bodies: list[Any] = [{"unknown": secret}, {"unknown": {secret: secret}}, [secret], secret]
                bodies += [{name: {"in": [secret]}} for name in endpoint.request.model_fields]
                texts = [json.dumps(body) for body in bodies]
                for text in (*texts, f'{{"token": "{secret}'):
                    answer = self.ask(client, endpoint.method, path, content=text.encode())
                    assert answer.is_client_error, answer.text
            variables = paths.fill(paths.VARIABLES, team=self.team(client), app=APP)
            for body in (
                {"set": {"NUL": f"{secret}\0"}},
                {"set": {"NUMBER": 1, secret: "without a name"}},
                {"set": {"LONG": secret * 10_000}},
                {"set": {"TWICE": secret}, "unset": ["TWICE"]},
                {"set": {}, "unset": [secret]},
            ):
                answer = self.ask(client, "POST", variables, json=body)
                assert answer.status_code == 422, answer.status_code

    def ask_everything(self) -> set[str]:
        """Ask each GET of the endpoint table about each deployment, and listen to streams; give which never answer."""
        endpoints = {
            endpoint.path: "text/event-stream" in endpoint.media
            for endpoint in ENDPOINTS
            if endpoint.method == "GET" and not endpoint.opens
        }
        asked: dict[str, str] = {}
        with self.client() as client:
            team = self.team(client)
            listed = client.get(paths.fill(paths.APPS, team=team)).json()["apps"]
            for app in (each["app"] for each in listed):
                deployments = client.get(paths.fill(paths.DEPLOYMENTS, team=team, app=app)).json()["deployments"]
                for number in [each["number"] for each in deployments]:
                    parts = {"team": team, "app": app, "number": number, "name": "security.md"}
                    asked |= {paths.fill(path, **parts): path for path in endpoints}
            answered = {asked[path] for path in asked if self.ask(client, "GET", path).is_success}
            for path in (path for path, of in asked.items() if endpoints[of]):
                self._listen(client, path)
        return set(endpoints) - answered

    def _listen(self, client: httpx.Client, path: str) -> None:
        """Keep what a stream says until it is silent for a moment."""
        headers = {"accept": "text/event-stream"}
        with suppress(httpx.ReadTimeout), client.stream("GET", path, headers=headers, timeout=0.3) as answer:
            for text in answer.iter_text():
                self.search.keep(f"stream of {path}", text)
