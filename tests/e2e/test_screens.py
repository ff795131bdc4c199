"""Every verb as people and programs see it: at a terminal of 80 columns, in a pipe, with --json, without the server."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from completions.tree import tree

from tests.e2e import verbs
from tests.e2e.stack import BIN, running
from tests.e2e.tmux import Tmux
from tests.e2e.verbs import NOT_HERE, VERBS, Run, World
from tests.golden import compared

GOLDEN = Path(__file__).parent / "screens/verbs"


@pytest.fixture(scope="module")
def world(base_image: str) -> Iterator[World]:
    with running() as stack:
        verbs.away(stack, stack.home)
        yield World(stack)


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
    (r"(?m)^ +\d+\.\d s(?=  )", "     1.0 s"),  # a column: what took longer is a digit wider
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
    (r"(?m)^[a-z2-7]{10}(?=  | is trusted no)", "k3v5qmw2za"),
    (
        r"(\"(?:id|subject)\": \"|\b(?:revoke|remove|session|token|invitation\.create) )[a-z2-7]{10}\b",
        r"\g<1>k3v5qmw2za",
    ),
    (r"(\"request_id\": \")[^\"]+", r"\g<1>k3v5qmw2za"),
    (r"(\"id\": )\d+", r"\g<1>1"),
    (r"\d+ cached", "1 cached"),
    (r"topics: (?s:.*)", "topics: errors, and others\n"),  # each page of docs/ is one
    (r"(?s)(\"topics\": \[).*?\]", r"\g<1>]"),
    (r"pushed [\d.]+ [KM]?B, \d of (\d) layers? new", r"pushed 1.0 KB, 1 of \1 layers new"),
)


def run(world: World, name: str, way: str, *more: str, server: str = "") -> str:
    """Run a verb in a pipe; give what it said, and its exit code."""
    found = ready(world, name, way)
    home, url = str(found.home or world.stack.home), server or world.stack.url
    at = found.words.index("--") if "--" in found.words else len(found.words)  # what follows is another program's
    words = [*found.words[:at], *more, *found.words[at:]]
    said = world.stack.loco(*words, cwd=found.cwd, exit_code=None, HOME=home, LOCO_SERVER=url)
    if way == "json":
        assert all(json.loads(line)["version"] == 1 for line in (said.stdout + said.stderr).splitlines())
    out = "".join(
        f"{verbs.pretty(line) if way == 'json' else line}\n" for line in normal(world, said.stdout).splitlines()
    )
    err = f"on stderr:\n{normal(world, said.stderr)}" if said.stderr else ""
    return f"{normal(world, ' '.join(found.words))}\n{out}{err}[{said.returncode}]\n"


def at_a_terminal(world: World, name: str, tmux: Tmux) -> str:
    found = ready(world, name, "terminal")
    env = world.stack.env(HOME=str(found.home or world.stack.home), LANG="C.UTF-8")
    del env["COLUMNS"]
    argv = [str(BIN / "loco"), *found.words]
    code, screen = tmux.shown(argv, cwd=found.cwd, env=env, typed=found.typed, stop_at=found.stop_at)
    return f"{normal(world, ' '.join(found.words))}\n{normal(world, screen)}[{code}]\n"


def ready(world: World, name: str, way: str) -> Run:
    world.way = way
    return VERBS[name](world)


@pytest.mark.engine
@pytest.mark.sample("screens")
@pytest.mark.parametrize("name", VERBS)
def test_a_verb_looks_as_agreed(world: World, tmux: Tmux, name: str, request: pytest.FixtureRequest) -> None:
    shown = {
        "at a terminal": at_a_terminal(world, name, tmux),
        "in a pipe": run(world, name, "piped"),
        "with --json": run(world, name, "json", "--json"),
        "the server is down": run(world, name, "down", server=verbs.AWAY),
    }
    text = "".join(f"--- {way}: loco {said}" for way, said in shown.items())
    compared(request, GOLDEN / verbs.golden(name), text)


def test_every_verb_of_the_tree_has_its_screens() -> None:
    there = {" ".join(each.path[1:]) for each in tree().all() if not each.commands or each.path[1:] == ("deployments",)}
    assert there - NOT_HERE.keys() == VERBS.keys()
    assert {path.name for path in GOLDEN.iterdir()} == {verbs.golden(name) for name in VERBS}
