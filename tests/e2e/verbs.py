"""What each verb is tried with: a function makes ready what it needs and gives its command line. Called once for each
way of running it, so that what changes something finds something to change.
"""

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.e2e.stack import HTTPD, QUICK, Stack

NOT_HERE = {
    f"completion {shell}": "it prints a file of completions/: tests/loco_cli/commands/test_completion.py"
    for shell in ("bash", "zsh", "fish")
}
"""Verbs that have no screen here, and where they are driven."""


SPEAKING = """\
FROM loco-test/base:1
COPY www /www
USER 10001
STOPSIGNAL SIGKILL
CMD ["sh", "-c", "echo ready on {port}; exec httpd -f -p {port} -h /www"]
"""
AWAY = "http://127.0.0.1:1"


@dataclass
class Run:
    """One command line."""

    words: list[str]
    cwd: Path
    typed: str = ""
    """What a person answers."""
    stop_at: str = ""
    """Ctrl-C is pressed when this is on the screen."""
    home: Path | None = None
    """Whose it is, where it is not the one who is signed in."""


def away(stack: Stack, home: Path) -> None:
    """Let whoever is signed in be so too at a server that has gone."""
    [path] = home.rglob("credentials.json")
    kept = json.loads(path.read_text())
    kept["servers"][AWAY] = kept["servers"][stack.url]
    path.write_text(json.dumps(kept))


@dataclass
class World:
    """A platform with a team `acme` that has two apps: shop, whose newest deployment failed, and one never deployed."""

    stack: Stack
    way: str = ""
    """`terminal`, `piped`, `json` or `down`."""
    counts: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for team in ("acme", "corp"):
            self.team(team)

    def team(self, name: str) -> str:
        with self.stack.client() as client:
            assert client.post("/v1/teams", json={"name": name}).is_success
        return name

    def only_two_teams(self) -> None:
        with self.stack.client() as client:
            for team in client.get("/v1/teams").json()["teams"]:
                if team["name"] not in {"acme", "corp"} and not team["personal"]:
                    assert client.delete(f"/v1/teams/{team['name']}").is_success

    @property
    def home(self) -> Path:
        return self.stack.folder

    @cached_property
    def shop(self) -> Path:
        shop = httpd(self.stack, "shop", team="acme", text="the first")
        toml = (shop / "loco.toml").read_text()
        (shop / "Dockerfile").write_text(SPEAKING.format(port=8080))
        self.stack.loco("variables", "set", "GREETING=hello", cwd=shop)
        self.stack.loco("deploy", cwd=shop)
        (shop / "www/index.html").write_text("the second")
        self.stack.loco("variables", "set", "API_KEY", "--stdin", "--stage", cwd=shop, given="hunter2")
        self.stack.loco("deploy", cwd=shop)
        (shop / "Dockerfile").write_text(SPEAKING.format(port=3000))
        (shop / "loco.toml").write_text(toml.replace('grace = "10s"', 'grace = "1s"'))
        self.stack.loco("deploy", cwd=shop, exit_code=6)
        (shop / "Dockerfile").write_text(SPEAKING.format(port=8080))
        (shop / "loco.toml").write_text(toml)
        self.stack.loco("variables", "set", "LEVEL=debug", "--app", "draft", "--team", "acme")
        return shop

    def count(self, name: str) -> int:
        self.counts[name] = self.counts.get(name, 0) + 1
        return self.counts[name]

    def folder(self, name: str) -> Path:
        found = self.stack.folder / name
        found.mkdir(exist_ok=True)
        return found

    def app(self, name: str, *, live: bool = True) -> Path:
        """Give the folder of an app of team corp, deployed the first time that it is asked for."""
        if self.count(name) > 1:
            return self.stack.folder / "apps" / name
        folder = httpd(self.stack, name, team="corp", text="the first")
        if live:
            self.stack.loco("deploy", cwd=folder)
        return folder

    def alone(self) -> Path:
        """Give the home of somebody who is signed in nowhere."""
        home = self.folder("elsewhere")
        shutil.rmtree(home)
        home.mkdir()
        return home

    def listed(self, *words: str) -> list[dict[str, Any]]:
        """Give the items of a list."""
        return list(next(value for value in self.stack.json(*words).values() if isinstance(value, list)))


def httpd(stack: Stack, name: str, *, team: str, text: str) -> Path:
    toml = f'team = "{team}"\n' + QUICK.replace("[health]", '[health]\ntimeout = "1s"')
    return stack.app(name, HTTPD, toml=toml, files={"www/index.html": text})


VERBS: dict[str, Callable[[World], Run]] = {}


def verb(name: str) -> Callable[[Callable[[World], Run]], Callable[[World], Run]]:
    def kept(found: Callable[[World], Run]) -> Callable[[World], Run]:
        VERBS[name] = found
        return found

    return kept


def plain(name: str, *words: str) -> None:
    """A verb that only looks, at the shop."""
    VERBS[name] = lambda world: Run([*name.split(), *words], world.shop)


plain("apps", "--team", "acme")
plain("config")
plain("deployments")
plain("deployments show", "v3")
plain("diff")
plain("doctor", "v3")
plain("open", "--print")
plain("variables list")
plain("variables history")
plain("version")
plain("teams members", "--team", "acme")
plain("docs", "pull-timeout")
plain("logs", "--deployment", "v3")


@verb("validate")
def validate(world: World) -> Run:
    """Valid, but for a doubt."""
    return Run(["validate"], world.stack.app("doubtful", HTTPD, toml=QUICK))


@verb("status")
def status(world: World) -> Run:
    if world.way == "terminal":  # the one that goes on, and ends quietly
        return Run(["status", "--watch"], world.shop, stop_at="more: loco doctor")
    return Run(["status"], world.shop)


@verb("events")
def events(world: World) -> Run:
    team = world.team(f"audit{world.count('audit')}")
    with world.stack.client() as client:
        client.post(f"/v1/teams/{team}/invitations", json={"role": "viewer"})
    return Run(["events", "--team", team], world.home)


@verb("login")
def login(world: World) -> Run:
    world.only_two_teams()
    return Run(["login"], world.home, home=world.alone())


@verb("logout")
def logout(world: World) -> Run:
    home = world.alone()
    world.stack.loco("login", HOME=str(home))
    away(world.stack, home)
    return Run(["logout"], world.home, home=home)


@verb("account sessions")
def account_sessions(world: World) -> Run:
    world.stack.loco("account", "revoke", "--all-others")
    world.stack.loco("login", HOME=str(world.alone()))
    return Run(["account", "sessions"], world.home)


@verb("account revoke")
def account_revoke(world: World) -> Run:
    world.stack.loco("login", HOME=str(world.alone()))
    other = next(each["id"] for each in world.listed("account", "sessions") if not each["current"])
    return Run(["account", "revoke", other], world.home)


@verb("account delete")
def account_delete(world: World) -> Run:
    """Of which only the refusals are seen: the account is the one that all is done with."""
    return Run(["account", "delete", *(["--yes"] if world.way == "json" else [])], world.home, typed="no")


@verb("teams create")
def teams_create(world: World) -> Run:
    return Run(["teams", "create", f"new{world.count('new')}"], world.home)


@verb("teams list")
def teams_list(world: World) -> Run:
    world.only_two_teams()
    return Run(["teams", "list"], world.home)


@verb("whoami")
def whoami(world: World) -> Run:
    world.only_two_teams()
    return Run(["whoami"], world.home)


@verb("account show")
def account_show(world: World) -> Run:
    world.only_two_teams()
    return Run(["account", "show"], world.home)


@verb("teams invite")
def teams_invite(world: World) -> Run:
    return Run(["teams", "invite", "--role", "developer", "--team", "corp"], world.home)


@verb("teams invitations")
def teams_invitations(world: World) -> Run:
    for each in world.listed("teams", "invitations", "--team", "acme"):
        world.stack.loco("teams", "invitations", "--revoke", each["id"], "--team", "acme")
    world.stack.loco("teams", "invite", "--role", "developer", "--note", "for Bob", "--team", "acme")
    return Run(["teams", "invitations", "--team", "acme"], world.home)


@verb("teams join")
def teams_join(world: World) -> Run:
    """Who is in it already: there is one person here."""
    code = world.stack.json("teams", "invite", "--role", "viewer", "--team", "corp")["code"]
    return Run(["teams", "join", code], world.home)


@verb("teams role")
def teams_role(world: World) -> Run:
    """Refused: a team keeps an owner."""
    return Run(["teams", "role", world.stack.json("whoami")["user"], "viewer", "--team", "acme"], world.home)


@verb("teams remove")
def teams_remove(world: World) -> Run:
    return Run(["teams", "remove", "bob", "--team", "acme"], world.home)


@verb("teams leave")
def teams_leave(world: World) -> Run:
    return Run(["teams", "leave", "acme"], world.home)


@verb("teams delete")
def teams_delete(world: World) -> Run:
    team = world.team(f"old{world.count('old')}")
    return Run(["teams", "delete", team, *(["--yes"] if world.way in {"json", "down"} else [])], world.home, typed=team)


@verb("tokens create")
def tokens_create(world: World) -> Run:
    return Run(["tokens", "create", "ci", "--can", "deploy", "--team", "corp"], world.home)


@verb("tokens list")
def tokens_list(world: World) -> Run:
    if not world.listed("tokens", "list", "--team", "acme"):
        world.stack.loco("tokens", "create", "ci", "--can", "deploy", "--expires", "90d", "--team", "acme")
        world.stack.loco("tokens", "create", "dashboard", "--can", "read", "--expires", "12h", "--team", "acme")
    return Run(["tokens", "list", "--team", "acme"], world.home)


@verb("tokens revoke")
def tokens_revoke(world: World) -> Run:
    made = world.stack.json("tokens", "create", "ci", "--can", "deploy", "--team", "corp")
    return Run(["tokens", "revoke", made["access"]["id"], "--team", "corp"], world.home)


RULE = ["--issuer", "github", "--repository", "acme/shop", "--repository-id", "1234", "--owner-id", "56"]


@verb("trust add")
def trust_add(world: World) -> Run:
    return Run(["trust", "add", *RULE, "--team", "corp"], world.home)


@verb("trust list")
def trust_list(world: World) -> Run:
    if not world.listed("trust", "list", "--team", "acme"):
        world.stack.loco("trust", "add", *RULE, "--ref", "refs/tags/*", "--team", "acme")
    return Run(["trust", "list", "--team", "acme"], world.home)


@verb("trust remove")
def trust_remove(world: World) -> Run:
    rule = world.stack.json("trust", "add", *RULE, "--ref", f"b{world.count('ref')}", "--team", "corp")
    return Run(["trust", "remove", rule["id"], "--team", "corp"], world.home)


@verb("trust require")
def trust_require(world: World) -> Run:
    return Run(["trust", "require", "ci", "--allow", world.stack.json("whoami")["user"]], world.app("trusted"))


@verb("init")
def init(world: World) -> Run:
    folder = world.folder(f"init-{world.way}") / "blog"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM loco-test/base:1\nEXPOSE 3000\nUSER 10001\n")
    return Run(["init"], folder)


@verb("deploy")
def deploy(world: World) -> Run:
    folder = world.app("built", live=False)
    (folder / "www/index.html").write_text(str(time.time_ns()))  # no step of it is cached
    return Run(["deploy"], folder)


@verb("redeploy")
def redeploy(world: World) -> Run:
    return Run(["redeploy"], world.app("rolled"))


@verb("rollback")
def rollback(world: World) -> Run:
    folder = world.app("back")
    if world.counts["back"] == 1:
        world.stack.loco("variables", "set", "LEVEL=debug", cwd=folder)
    return Run(["rollback"], folder, typed="y")


@verb("scale")
def scale(world: World) -> Run:
    """Of a range, of which this engine runs the least: with several, the order in which they start is none."""
    return Run(["scale", "--max", str(1 + world.count("replicas"))], world.app("wide"))


@verb("variables set")
def variables_set(world: World) -> Run:
    folder = world.app("told")
    if world.way == "terminal":  # the value is asked for, and not shown
        return Run(["variables", "set", "API_KEY"], folder, typed="hunter2")
    if world.way == "piped":  # nobody can be asked
        return Run(["variables", "set", "API_KEY"], folder)
    return Run(["variables", "set", f"LEVEL={world.way}"], folder)


@verb("variables import")
def variables_import(world: World) -> Run:
    folder = world.app("imported")
    (folder / ".env").write_text(f"LEVEL={world.way}\nGREETING=hello\n")
    return Run(["variables", "import", ".env", "--stage"], folder)


@verb("variables unset")
def variables_unset(world: World) -> Run:
    folder = world.app("unset")
    world.stack.loco("variables", "set", "LEVEL=debug", "--stage", cwd=folder)
    return Run(["variables", "unset", "LEVEL", "--stage", "--purge"], folder)


@verb("exec")
def exec_(world: World) -> Run:
    """With --json its stdout is the command's own all the same: what is JSON is why there was none."""
    if world.way == "json":
        return Run(["exec", "--instance", "v9-9", "--", "true"], world.shop)
    return Run(["exec", "--", "sh", "-c", "echo hello; exit 3"], world.shop)


@verb("run")
def run(world: World) -> Run:
    if world.way == "json":
        return Run(["run", "--timeout", "2d", "--", "true"], world.shop)
    return Run(["run", "--", "sh", "-c", "echo hello; exit 3"], world.shop)


@verb("forward")
def forward(world: World) -> Run:
    """It goes on until Ctrl-C, which only a terminal has."""
    if world.way == "terminal":
        return Run(["forward", "47999:8080"], world.shop, stop_at="v2-1")
    return Run(["forward", "http" if world.way == "piped" else "47999:8080", "--instance", "v9-9"], world.shop)


@verb("completion install")
def completion_install(world: World) -> Run:
    return Run(["completion", "install", "bash"], world.home, home=world.alone())


@verb("completion uninstall")
def completion_uninstall(world: World) -> Run:
    world.stack.loco("completion", "install", "bash", HOME=str(world.alone()))
    return Run(["completion", "uninstall", "bash"], world.home, home=world.folder("elsewhere"))


@verb("destroy")
def destroy(world: World) -> Run:
    name = f"gone{world.count('gone')}"
    folder = httpd(world.stack, name, team="corp", text="soon gone")
    world.stack.loco("variables", "set", "A=b", cwd=folder)  # an app without a deployment goes as any other
    return Run(
        ["destroy", *(["--app", name, "--team", "corp", "--yes"] if world.way == "json" else [])], folder, typed=name
    )


def golden(name: str) -> str:
    return name.replace(" ", "-") + ".txt"


def pretty(line: str) -> str:
    return json.dumps(json.loads(line), indent=1, ensure_ascii=False)
