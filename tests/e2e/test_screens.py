"""Every verb as people and programs see it: at a terminal of 80 columns, in a pipe, with --json, without the server."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from completions.tree import tree

from tests.e2e import verbs
from tests.e2e.stack import BIN, Stack
from tests.e2e.tmux import Tmux
from tests.e2e.verbs import NOT_HERE, VERBS, Run, World
from tests.golden import compared

GOLDEN = Path(__file__).parent / "screens/verbs"


@pytest.fixture(scope="module")
def world(base_image: str) -> Iterator[World]:
    stack = Stack()
    try:
        stack.start()
        stack.loco("login")
        verbs.away(stack, stack.home)
        yield World(stack)
    finally:
        stack.remove()


@pytest.fixture
def tmux(tmp_path: Path) -> Tmux:
    return Tmux(tmp_path)


def normal(world: World, text: str) -> str:
    """Take out what is another each time, and keep how wide it is."""
    stack = world.stack
    text = text.replace(str(stack.folder), "/home/ann")
    for port, name in ((stack.api, "47070"), (stack.edge, "47080"), (stack.registry, "47050")):
        text = text.replace(f":{port}", f":{name}")
    for pattern, shown in NORMAL:
        text = re.sub(pattern, shown, text)
    return text


NORMAL = (
    (r"\d+\.\d+ s\b", "1.0 s"),
    (r"\b\d+ (s|minutes?|hours?) ago", "5 s ago"),
    (r"\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)", "2030-01-02T03:04:05Z"),
    (r"\b20\d\d-\d\d-\d\d \d\d:\d\d UTC", "2030-01-02 03:04 UTC"),
    (r"\b20\d\d-\d\d-\d\d\b(?!T)", "2030-01-02"),
    (r"(\"(?:seconds|total)\": )\d+\.\d+", r"\g<1>1.0"),
    (r"sha256:[0-9a-f]{64}", "sha256:" + "0" * 64),
    (r"\b(?=[0-9a-f]*\d)[0-9a-f]{12}\b", "0" * 12),
    (r"\b(?=[0-9a-f]*\d)[0-9a-f]{8}\b", "0" * 8),
    (
        r"loco_([a-z]+)_[A-Za-z0-9_-]{20,}",
        lambda found: f"loco_{found[1]}_" + "x" * (len(found[0]) - len(found[1]) - 6),
    ),
    (r"\b(?=[a-z2-7]*\d)[a-z2-7]{10}\b", "k3v5qmw2za"),
    (r"(?m)^[a-z2-7]{10}(?=  )", "k3v5qmw2za"),
    (r"(\"id\": \"|\b(?:revoke|remove|session|token) )[a-z2-7]{10}\b", r"\g<1>k3v5qmw2za"),
    (r"(\"request_id\": \")[^\"]+", r"\g<1>k3v5qmw2za"),
    (r"(\"id\": )\d+", r"\g<1>1"),
    (r"\d+ cached", "1 cached"),
    (r"pushed [\d.]+ k?B, \d of (\d) layers? new", r"pushed 1.0 kB, 1 of \1 layers new"),
    (r"(SHA-256|pushed) [\d.]+ [kM]?B", r"\1 1.0 kB"),
)


def normal_lines(world: World, text: str) -> str:
    """Of what one object a line is, each as a person can read it."""
    return "".join(verbs.pretty(line) + "\n" for line in normal(world, text).splitlines())


def piped(world: World, found: Run, *more: str, server: str = "") -> "subprocess.CompletedProcess[str]":
    home, url = str(found.home or world.stack.home), server or world.stack.url
    return world.stack.loco(
        *found.words, *more, cwd=found.cwd, exit_code=None, given=found.given, HOME=home, LOCO_SERVER=url
    )


def run(world: World, name: str, way: str) -> Run:
    world.way = way
    return VERBS[name](world)


@pytest.mark.engine
@pytest.mark.sample("screens")
@pytest.mark.parametrize("name", VERBS)
def test_a_verb_looks_as_agreed(world: World, tmux: Tmux, name: str, request: pytest.FixtureRequest) -> None:
    parts = [f"$ loco {name}"]

    found = run(world, name, "terminal")
    env = world.stack.env(HOME=str(found.home or world.stack.home))
    del env["COLUMNS"]
    code, screen = tmux.shown(
        [BIN / "loco", *found.words],
        cwd=found.cwd,
        env={**env, "LANG": "C.UTF-8"},
        typed=found.typed,
        stop_at=found.stop_at,
    )
    parts += [f"--- at a terminal: loco {' '.join(found.words)}", normal(world, screen) + f"[{code}]"]

    found = run(world, name, "piped")
    said = piped(world, found)
    parts += [f"--- piped: loco {' '.join(found.words)}", normal(world, said.stdout)]
    parts += ["on stderr:", normal(world, said.stderr)] if said.stderr else []
    parts.append(f"[{said.returncode}]")

    found = run(world, name, "json")
    said = piped(world, found, "--json")
    parts += [f"--- loco {' '.join(found.words)} --json", normal_lines(world, said.stdout)]
    parts += ["on stderr:", normal_lines(world, said.stderr)] if said.stderr else []
    parts.append(f"[{said.returncode}]")
    assert all(json.loads(line)["version"] == 1 for line in (said.stdout + said.stderr).splitlines())

    found = run(world, name, "down")
    said = piped(world, found, server=verbs.AWAY)
    parts += ["--- the server is down", normal(world, said.stdout)]
    parts += ["on stderr:", normal(world, said.stderr)] if said.stderr else []
    parts.append(f"[{said.returncode}]")

    text = "\n".join(part.rstrip("\n") for part in parts if part.strip()) + "\n"
    compared(request, GOLDEN / verbs.golden(name), normal(world, text))


def test_every_verb_of_the_tree_has_its_screens() -> None:
    there = {" ".join(each.path[1:]) for each in tree().all() if not each.commands or each.path[1:] == ("deployments",)}
    assert there - NOT_HERE.keys() == VERBS.keys()
    assert {path.name for path in GOLDEN.iterdir()} == {verbs.golden(name) for name in VERBS}
