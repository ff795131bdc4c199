"""The platform that verbs are tried on: what is made ready for them, and the table that they stand in."""

import asyncio
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.e2e.stack import HTTPD, QUICK, Stack
from tests.loco_server.cluster.serving import session
from tests.waiting import eventually

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
        """Make one, for a single call; those before it go: nobody has any number of them."""
        self.only_two_teams()
        with self.stack.client() as client:
            made = client.post("/v1/teams", json={"name": name})
            assert made.is_success, made.text
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
        failed = ("deployments", "show", "v3", "--app", "shop", "--team", "acme")  # nobody can go back to it
        eventually(lambda: not self.stack.json(*failed)["deployment"]["image_kept"], within=60, every=0.5)
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

    def somebody(self, name: str, *, team: str = "") -> Path:
        """Give the home of another person who is signed in, and in the team as a viewer.

        The platform's own sign-in knows one person, the machine's: this one is written down as one from elsewhere.
        """
        token = asyncio.run(session(f"sqlite+aiosqlite:///{self.stack.data_dir}/loco.db", name))
        home = self.folder(f"home-of-{name}")
        self.stack.loco("login", "--token-stdin", given=token, HOME=str(home))
        if team:
            self.stack.loco("teams", "join", self.invitation(team), HOME=str(home))
        away(self.stack, home)
        return home

    def invitation(self, team: str) -> str:
        """Give the code of one, as a viewer."""
        return str(self.stack.json("teams", "invite", "--role", "viewer", "--team", team)["code"])

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


def golden(name: str) -> str:
    return name.replace(" ", "-") + ".txt"


def pretty(line: str) -> str:
    return json.dumps(json.loads(line), indent=1, ensure_ascii=False)
