"""What the shells offer is what the command tree has, one by one; names come from what loco has last seen."""

import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from completions.tree import Command, Values, tree

from completions import __main__ as generator
from tests.completions import shells

NAMES = {"app": ["shop", "hello"], "team": ["acme"], "deployment": ["v12", "v11"]}
Ask = Callable[[Sequence[str], Path, Path], list[set[str]]]
EACH_SHELL = pytest.mark.parametrize("ask", [shells.bash, shells.zsh, shells.fish], ids=["bash", "zsh", "fish"])


@pytest.fixture(scope="session")
def root() -> Command:
    return tree()


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """What loco has seen; and two names that nothing of loco's would have written."""
    folder = tmp_path / "cache"
    (folder / "loco/names").mkdir(parents=True)
    for kind, names in NAMES.items():
        (folder / "loco/names" / kind).write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    (folder / "afolder").mkdir()
    (folder / "afile").touch()
    return folder


def test_the_files_are_what_the_tree_makes(root: Command) -> None:
    for name, script in generator.FILES.items():
        written = (shells.COMPLETIONS / name).read_text(encoding="utf-8")
        assert written == script(root), f"completions/{name} is stale; run: scripts/gen-completions"


def questions(root: Command) -> Iterator[tuple[str, set[str]]]:
    """Give each line that is worth a TAB, and all that has to be offered for it."""
    for command in root.all():
        words = " ".join(command.path)
        long = {name for option in command.options for name in option.names if name.startswith("--")}
        yield f"{words} --", long
        for name in long:
            yield f"{words} {name}", {each for each in long if each.startswith(name)}
        if command.commands:
            yield f"{words} ", {each.name for each in command.commands}
        for option in command.options:
            if option.values is not None and option.values.kind != "text":
                for name in option.names:
                    yield f"{words} {name} ", offered(option.values)
        before = words
        for argument in command.arguments:
            if argument.kind != "text":
                yield f"{before} ", offered(argument)
            before += f" {(argument.choices or ('x',))[0]}"


def offered(values: Values) -> set[str]:
    if values.kind in NAMES:
        return set(NAMES[values.kind])
    return {"choice": set(values.choices), "folder": {"loco", "afolder"}, "file": {"loco", "afolder", "afile"}}[
        values.kind
    ]


@pytest.mark.sample("shells")
@EACH_SHELL
def test_every_command_option_and_choice_is_offered(ask: Ask, root: Command, cache: Path, tmp_path: Path) -> None:
    asked = list(questions(root))
    found = ask([line for line, _ in asked], cache, tmp_path)
    assert len(found) == len(asked)
    wrong = {
        line: (sorted(words), sorted(wanted))
        for (line, wanted), words in zip(asked, found, strict=True)
        if {word.rstrip("/").removesuffix("=") for word in words} != wanted
    }
    assert wrong == {}


@EACH_SHELL
@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("loco logs --app=s", {"shop"}),
        ("loco logs -f --app ", {"shop", "hello"}),
        ("loco --help redep", {"redeploy"}),
        ("loco teams invite --team acme --role ", {"owner", "admin", "developer", "viewer"}),
        ("loco teams role --team logs bob ", {"owner", "admin", "developer", "viewer"}),
        ("loco variables set A=b ", set()),
        ("loco nothing ", set()),
    ],
)
def test_what_stands_before_does_not_confuse_it(
    ask: Ask, line: str, wanted: set[str], cache: Path, tmp_path: Path
) -> None:
    [found] = ask([line], cache, tmp_path)
    assert {word.removeprefix("--app=") for word in found} == wanted


@EACH_SHELL
def test_a_name_that_is_none_is_not_offered_and_does_nothing(ask: Ask, cache: Path, tmp_path: Path) -> None:
    (cache / "loco/names/app").write_text(f"shop\n$(touch {cache}/made)\n`touch {cache}/made`\n../x y\n", "utf-8")
    [found] = ask(["loco logs --app "], cache, tmp_path)
    assert found == {"shop"}
    assert not (cache / "made").exists()


@EACH_SHELL
def test_nothing_is_offered_where_nothing_was_seen(ask: Ask, tmp_path: Path) -> None:
    assert ask(["loco logs --app "], tmp_path, tmp_path) == [set()]


def test_a_huge_file_of_names_is_not_read_to_its_end(cache: Path, tmp_path: Path) -> None:
    (cache / "loco/names/app").write_text("".join(f"app-{n}\n" for n in range(100_000)), encoding="utf-8")
    for ask in (shells.bash, shells.zsh, shells.fish):
        [found] = ask(["loco logs --app "], cache, tmp_path)
        assert len(found) == 1000


BARE = {
    "bash": [
        "bash",
        "--norc",
        "-euc",
        'source "$0"; COMP_WORDS=($1 ""); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _loco; echo "${COMPREPLY[@]}"',
    ],
    "fish": ["fish", "--no-config", "-c", "source $argv[1]; complete -C $argv[2]' '"],
    "zsh": ["zsh", "-fuc", 'compdef() { }; source "$0"; _loco_names app; print -r -- ${functions[_loco]}'],
}


@pytest.mark.parametrize(("shell", "file"), [("bash", "loco.bash"), ("fish", "loco.fish"), ("zsh", "_loco")])
def test_no_program_is_started_and_no_variable_is_needed(shell: str, file: str) -> None:
    """Strict about unset variables, with no home and nothing in PATH."""
    program = shutil.which(shell)
    assert program
    for line, wanted in [("loco", "deployments"), ("loco logs --app", ""), ("loco docs x", ""), ("loco apps", "")]:
        done = subprocess.run(
            [program, *BARE[shell][1:], shells.COMPLETIONS / file, line],
            env={"PATH": "/nowhere"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert wanted in done.stdout
