"""Secrets planted everywhere are nowhere but where docs/security.md says: over deploys, failures and a crash."""

import json
import os
import pwd
import signal
import sqlite3
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from secrets import token_hex
from typing import NamedTuple

import docker
import pytest

from loco_spec import paths
from tests import images
from tests.e2e.planted import APP, BUILD, VARIABLES, Planted, changed
from tests.e2e.searching import now, places
from tests.e2e.stack import HTTPD, QUICK
from tests.e2e.test_bad_input import BUILD as BUILD_FAILED
from tests.e2e.test_bad_input import DEPLOYMENT, INTERRUPTED, NOT_ALLOWED, NOT_FOUND, USAGE
from tests.e2e.test_bad_push import uploading
from tests.e2e.watching import made, processes
from tests.private_registry import USER, private_registry
from tests.waiting import eventually

pytestmark = pytest.mark.engine


class Allowed(NamedTuple):
    """One place where secrets may stand."""

    words: str
    """As docs/security.md has it."""
    place: str
    secrets: str
    """Patterns, as of a shell."""


ALLOWED = (
    Allowed(
        "in the environment of the app's own processes, and in whatever the app makes of it",
        "answer of the app",
        "BY_*",
    ),
    Allowed("in the engine's record of the container", f"Config.Env of a container of {APP}", "BY_*"),
    Allowed("in the arguments of `loco variables set NAME=VALUE`", "argv of loco variables set", "BY_ARGUMENT"),
    Allowed("of `loco teams join CODE`", "argv of loco teams join", "invitation 1"),
    Allowed("in `credentials.json` of the CLI", "file home/.local/state/loco/credentials.json", "session"),
    Allowed("in the output of the command that makes it", "stdout of loco tokens create *", "access token ?"),
    Allowed("in the output of the command that makes it", "stdout of loco teams invite *", "invitation ?"),
    Allowed("in the API's one answer that gives it", "answer to POST /v1/login/*", "session by the API"),
    Allowed("in the API's one answer that gives it", "answer to POST /v1/*/ticketed/deployments", "push ticket"),
    Allowed("in the API's one answer that gives it", "answer to GET /registry/token", "registry token"),
    Allowed("in the file that it is read from", "file secret.env", "BY_IMPORT"),
    Allowed("in the file that it is read from", "file npmrc", "build secret from a file"),
    Allowed("in the file that it is read from", "file home/.docker/config.json", "password of a registry"),
)
"""All of docs/security.md, "Where a secret stands in plain", that can be looked for."""


FORMS: tuple[list[str], ...] = ([], ["--json"], [])
"""How a command is asked to tell; in the short run each in one of two ways, by turns."""
LOOKING = (
    "status",
    "diff",
    "logs",
    "logs --build",
    "config",
    "variables list",
    "variables history BY_STDIN",
    "tokens list",
    "teams invitations --team sentinels",
    "variables history",
    "apps",
    "whoami",
    "account sessions",
)
"""In the short run the first nine: the others tell no more than the API, all of which is asked."""
OF_TESTS = ("loco-e2e-*", "loco-pg-*", "loco-engine-*", "loco-private-*", "pytest-of-*")
"""Folders that tests make for themselves, this one's included: it is searched whole."""


@pytest.fixture
def planted(base_image: str) -> Iterator[Planted]:
    found = Planted()
    found.environment |= {"LOCO_RATE_PER_TOKEN": "0", "LOCO_RATE_PER_ADDRESS": "0"}  # it asks more than any person
    try:
        yield found
    finally:
        found.remove()


def test_a_planted_secret_is_only_where_the_page_on_security_says(
    planted: Planted, docker_client: docker.DockerClient, size: Callable[[str], int]
) -> None:
    began, search = now(), planted.search
    with (
        processes(planted.data_dir) as running,
        made(docker_client, search, image=f"127.0.0.1:{planted.registry}/") as containers,
    ):
        planted.start()
        planted.plant_tokens()
        planted.plant_variables()
        planted.plant_build_secrets()
        planted.plant_ticket()
        deployed(planted, size("forms_of_commands"))
        failed(planted, size("forms_of_commands"))
        of_a_private_registry(planted, docker_client, size("forms_of_commands"))
        refused(planted, size("forms_of_commands"))
        stumbled(planted)
        planted.ask_wrongly()
        broken(planted)
        crashed(planted)
        assert planted.ask_everything() == set()
        assert containers.images(f"/{APP}", "/private", "/pushed") >= 2
        backed_up(planted)
        planted.stop()
    running.tell(search)
    search.folder(planted.folder)
    for folder in (Path("/tmp"), Path("/var/tmp"), *of_the_person()):
        search.folder(folder, name=f"{folder}/", since=began, most=1 << 20, without=OF_TESTS)

    found = search.findings()
    left = [each for each in found if not any(allows(row, each.place, each.sentinel) for row in ALLOWED)]
    assert not left, places(left)
    # Whatever is allowed was found: nothing of this looked away, and no row of the table is out of date.
    missed = [row for row in ALLOWED if not any(allows(row, each.place, each.sentinel) for each in found)]
    assert not missed
    assert {name.split()[0] for name in running.environments} >= {"envoy", "loco-server"}
    assert containers.apps == {APP, "private"}


def test_what_the_page_on_security_allows_is_what_the_table_above_does() -> None:
    page = " ".join((Path(__file__).parents[2] / "docs/security.md").read_text().split())
    section = page.partition("## Where a secret stands in plain ")[2].partition(" ## ")[0]
    assert section
    assert [row.words for row in ALLOWED if row.words not in section] == []


def backed_up(planted: Planted) -> None:
    """The file is packed: what is in it is looked at part by part."""
    file = planted.folder / "loco.backup"
    planted.operator("admin", "--data-dir", str(planted.data_dir), "backup", str(file))
    with zipfile.ZipFile(file) as parts:
        for name in parts.namelist():
            planted.search.keep(f"backup {name}", parts.read(name).decode())


def allows(row: Allowed, place: str, secret: str) -> bool:
    return fnmatchcase(place, row.place) and fnmatchcase(secret, row.secrets)


def of_the_person() -> list[Path]:
    """Give the folders of loco and docker in the home that the password file names, whatever HOME says."""
    home = Path(pwd.getpwuid(os.geteuid()).pw_dir)
    return [home / name for name in (".docker", ".config/loco", ".local/state/loco", ".cache/loco")]


def deployed(planted: Planted, size: int) -> None:
    """Deploys that go well: with --json, by a machine without, by a change of variables; and what tells of them."""
    # Whether the secrets were really there: the build printed both, and the release command has read the variables.
    folder = planted.sealed(release=" && ".join(f'test -n "${name}"' for name in VARIABLES))
    planted.deploy(folder, "--json")
    assert planted.loco("logs", "--build", cwd=folder).stdout.count("***") == 2
    answer = planted.get(APP, "/cgi-bin/env").text
    planted.search.keep("answer of the app", answer)
    assert all(f"{name}={planted.planted[name]}" in answer for name in VARIABLES)
    planted.deploy(planted.sealed(), LOCO_TOKEN=planted.planted["access token 0"])
    planted.loco("variables", "set", "BY_STDIN", "--stdin", "--app", APP, given=planted.planted["BY_STDIN"] + "2")
    for count, command in enumerate(LOOKING[: 9 * size]):
        for form in FORMS[count % 2 :][:size]:
            planted.loco(*command.split(), *form, cwd=folder)


def failed(planted: Planted, size: int) -> None:
    """Deploys that fail, each in another step, with the trace of the error asked for."""
    build = planted.sealed(build=BUILD.replace("echo and read", "echo and read && exit 7"))
    for args in FORMS[:size]:
        told = planted.deploy(build, *args, exit_code=BUILD_FAILED, LOCO_DEBUG="1")
        assert "***" in told.stdout + told.stderr  # the step's last lines, of which two were the secrets
    exits = 'USER 10001\nCMD ["sh", "-c", "exit 3"]\n'
    planted.deploy(planted.sealed(serves=exits), exit_code=DEPLOYMENT, LOCO_DEBUG="1")
    planted.deploy(planted.sealed(release="exit 4"), "--json", exit_code=DEPLOYMENT, LOCO_DEBUG="1")
    planted.deploy(planted.sealed(serves="USER root\n"), exit_code=DEPLOYMENT)
    # Into a folder that is searched whole, with what it holds unpacked.
    said = planted.loco("doctor", "--bundle", planted.folder / "bundle.tar.gz", cwd=build, LOCO_DEBUG="1").stdout
    assert "failed-v" in said
    sleeps = planted.sealed(build=BUILD.replace("echo and read", "echo and read && sleep 60"))
    given = ("--build-secret", f"id=npm,src={planted.folder}/npmrc", "--build-secret", "id=key,env=A_KEY")
    key = planted.planted["build secret from the environment"]
    with planted.begin("deploy", *given, cwd=sleeps, A_KEY=key, LOCO_DEBUG="1") as deploy:
        eventually(lambda: "building [" in deploy.said, within=30)
        deploy.process.send_signal(signal.SIGINT)
        assert deploy.ended(within=30) == INTERRUPTED, deploy.said


def of_a_private_registry(planted: Planted, client: docker.DockerClient, size: int) -> None:
    """An image that the person's own sign-in with docker is needed for, with a wrong password and the right one."""
    password = planted.plant("password of a registry")
    with private_registry(signed_in=True, password=password) as registry:
        image = images.build(client, HTTPD.replace("COPY www /www\n", f"RUN echo {token_hex(8)} > /www/index.html\n"))
        digest = registry.push(client, image, "acme/shop", "1")
        folder = planted.folder / "apps/private"
        folder.mkdir(parents=True)
        (folder / "loco.toml").write_text(f'image = "{registry.host}/acme/shop:1"\n{QUICK}')
        planted.sign_in_with_docker(registry.host, USER, changed(password))
        for args in FORMS[1:][:size]:
            planted.loco("deploy", *args, cwd=folder, exit_code=BUILD_FAILED, LOCO_DEBUG="1")
        planted.sign_in_with_docker(registry.host, USER, password)
        planted.loco("deploy", cwd=folder)
        client.images.remove(f"{registry.host}/acme/shop@{digest}", noprune=True)


def refused(planted: Planted, size: int) -> None:
    """Secrets with a slip of the hand, and secrets where something else is expected; with the traces of the errors."""
    access, invitation, value = (planted.planted[name] for name in ("access token 1", "invitation 0", "BY_STDIN"))
    set_, import_ = (["variables", verb, what, "--app", APP] for verb, what in (("set", "A"), ("import", "-")))
    asked: tuple[tuple[list[str], int, dict[str, str]], ...] = (
        (["whoami"], NOT_ALLOWED, {"LOCO_TOKEN": changed(access)}),
        (["whoami"], NOT_ALLOWED, {"LOCO_TOKEN": value}),
        (["whoami"], USAGE, {"LOCO_SERVER": f"http://ann:{access}@127.0.0.1:1"}),
        (["login", "--token-stdin"], NOT_ALLOWED, {"given": changed(access)}),
        (["teams", "join", "-"], NOT_FOUND, {"given": changed(invitation)}),
        ([*set_, "--stdin"], USAGE, {"given": f"{value}\0"}),
        (import_, USAGE, {"given": f"A='{value}\n{value}\n"}),
    )
    for count, (command, exit_code, more) in enumerate(asked):
        for form in FORMS[count % 2 :][:size]:
            planted.loco(*command, *form, exit_code=exit_code, LOCO_DEBUG="1", **more)


def stumbled(planted: Planted) -> None:
    """A server that answers nonsense, with secrets in it: the traces of what the CLI makes of that."""
    # As short as a trace shows what it thinks is too long.
    secret, access = planted.plant("secret in nonsense", token_hex(8)), planted.planted["access token 1"]
    commands = (
        ["whoami"],
        ["login"],
        ["login", "--token-stdin"],
        ["variables", "set", "A", "--stdin", "--app", APP],
        ["variables", "list", "--app", APP],
        ["tokens", "create", "ci", "--can", "read", "--team", "any"],
        ["teams", "invite", "--team", "any", "--role", "viewer"],
        ["teams", "join", "-"],
    )
    with nonsense(secret) as url:
        for count, command in enumerate(commands):
            more = {"LOCO_SERVER": url, "LOCO_DEBUG": "1", "LOCO_TOKEN": access}
            told = planted.loco(
                *command, *FORMS[count % 2], exit_code=None, given=planted.planted["invitation 0"], **more
            )
            assert told.returncode != 0
            assert "Traceback" in told.stderr, command


@contextmanager
def nonsense(secret: str) -> Iterator[str]:
    """Serve one answer to everything: what others have in their fields, in the wrong ones."""
    names = ("token", "password", "code", "proof", "me", "user", "deployment", "ticket", "variables", "access", "login")
    body = json.dumps({name: [secret] for name in names}).encode()

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815  likewise

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def broken(planted: Planted) -> None:
    """Defects of the server while it holds a secret: their traces go to its log."""
    value = planted.planted["BY_STDIN"]
    with planted.client() as client, closing(sqlite3.connect(planted.data_dir / "loco.db", isolation_level=None)) as db:
        asked = (
            ("variables", paths.fill(paths.VARIABLES, team=planted.team(client), app=APP), {"set": {"A": value}}),
            ("invitations", paths.JOIN, {"code": planted.planted["invitation 0"]}),
            ("tokens", paths.JOIN, {"code": planted.planted["invitation 0"]}),
        )
        for table, path, body in asked:
            db.execute(f"ALTER TABLE {table} RENAME TO away")
            assert planted.ask(client, "POST", path, json=body).status_code == 500
            db.execute(f"ALTER TABLE away RENAME TO {table}")
    assert planted.output().count("Traceback") >= len(asked)


def crashed(planted: Planted) -> None:
    """SIGKILL of the server in a rollout, and in a push that is then given up; a start after each."""
    with planted.client() as client:
        app = paths.fill(paths.APP, team=planted.team(client), app=APP)
        number = client.post(f"{app}/redeploy").raise_for_status().json()["number"]
        one = f"{app}/deployments/{number}"
        eventually(lambda: client.get(one).json()["state"] == "rolling", every=0.01)
        planted.kill()
        planted.search.folder(planted.folder)
        planted.start()
        eventually(lambda: client.get(one).json()["state"] == "live", within=40)
    folder = planted.app("pushed", HTTPD, toml=QUICK, files={"www/large": token_hex(6 << 20)})
    with planted.begin("deploy", cwd=folder, LOCO_DEBUG="1") as deploy:
        eventually(lambda: uploading(planted, folder), within=30, every=0.005)
        planted.kill()
        planted.search.folder(planted.folder)
        deploy.process.send_signal(signal.SIGINT)
        assert deploy.ended(within=60) == INTERRUPTED, deploy.said
    planted.start()
