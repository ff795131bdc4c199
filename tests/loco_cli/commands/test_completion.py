"""`loco completion`: printed as it is; put where real shells with a fresh home find it, once, and taken away again."""

import os
import pty
import re
import select
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import shellingham

from loco_cli import shells
from loco_cli.shells import BEGIN, END, Place, with_block, without_block
from tests.loco_cli.conftest import Loco
from tests.waiting import eventually

SHELLS = ["bash", "zsh", "fish"]
EACH_SHELL = pytest.mark.parametrize("shell", SHELLS)
RUNS = {shell: ["setsid", "--ctty", shell, "-i"] for shell in SHELLS}


@pytest.fixture
def home(private_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home in which nothing is; and a `loco` that writes down how it was called."""
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "ZDOTDIR", "BASH_COMPLETION_USER_DIR"):
        monkeypatch.delenv(name, raising=False)
    folder = private_home.parent / "bin"
    folder.mkdir()
    (folder / "loco").write_text(
        f'#!/bin/sh\necho "$@" >{private_home.parent}/called.new\n'
        f"mv {private_home.parent}/called.new {private_home.parent}/called\n"
    )
    (folder / "loco").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("TERM", "xterm")
    return private_home


@pytest.fixture
def typed(home: Path) -> Callable[[str, str], str]:
    """Type keys into a shell as a person starts it, at a terminal; give what `loco` was called with."""

    def run(shell: str, keys: str) -> str:
        called = home.parent / "called"
        called.unlink(missing_ok=True)
        # Else the first fish of a home reads every manual page of the machine, for longer than the test takes.
        (home / ".local/share/fish/generated_completions").mkdir(parents=True, exist_ok=True)
        ours, theirs = pty.openpty()
        with subprocess.Popen(
            RUNS[shell], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
        ) as process:
            os.close(theirs)

            def answered() -> bool:
                while select.select([ours], [], [], 0)[0]:
                    os.read(ours, 65536)  # or it would wait for us
                return called.exists()

            assert select.select([ours], [], [], 30)[0], "no prompt"
            os.write(ours, keys.encode())
            try:
                eventually(answered, within=30)
            finally:
                process.kill()
                os.close(ours)
        return called.read_text().strip()

    return run


@EACH_SHELL
def test_the_script_is_printed_as_it_is(loco: Loco, shell: str) -> None:
    text = (Path(__file__).parents[3] / "completions" / shells.FILES[shell]).read_text(encoding="utf-8")
    assert loco("completion", shell).out == text
    assert loco("completion", shell, "--json").json["result"] == {"shell": shell, "text": text}


def test_the_shell_is_the_one_that_loco_is_started_from_or_the_persons_own(
    loco: Loco, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shellingham, "detect_shell", lambda: ("fish", "/usr/bin/fish"))
    assert loco("completion").out == loco("completion", "fish").out

    def unknown() -> None:
        raise shellingham.ShellDetectionFailure

    monkeypatch.setattr(shellingham, "detect_shell", unknown)
    monkeypatch.setenv("SHELL", "/bin/zsh")
    assert loco("completion").out == loco("completion", "zsh").out
    for other in ("/bin/tcsh", ""):
        monkeypatch.setenv("SHELL", other)
        found = loco("completion", "install")
        assert found.code == 2
        assert "there are completions for bash, zsh, fish" in found.err


@EACH_SHELL
def test_a_shell_with_a_fresh_home_completes_after_an_install_and_once_is_enough(
    loco: Loco, home: Path, typed: Callable[[str, str], str], shell: str
) -> None:
    found = loco("completion", "install", shell)
    assert (found.code, found.err) == (0, "")
    assert f"undo: loco completion uninstall {shell}" in found.out
    written = everything(home)
    assert typed(shell, "loco statu\t\r") == "status"
    again = loco("completion", "install", shell, "--json").json["result"]
    assert again["changed"] == []
    assert [(path, text) for path, text in everything(home).items() if path in written] == list(written.items())
    loco("completion", "uninstall", shell)
    assert not any("completion" in text for text in everything(home).values())
    assert loco("completion", "uninstall", shell, "--json").json["result"]["changed"] == []


def test_a_bash_that_has_loaded_bash_completion_is_given_the_file_alone(
    loco: Loco, home: Path, typed: Callable[[str, str], str]
) -> None:
    """As much of the package bash-completion as finds a file by the command's name."""
    (home / ".bashrc").write_text(
        '__load_completion() { . "$HOME/.local/share/bash-completion/completions/$1" && return 124; }\n'
        "complete -D -F __load_completion\nset -u\n"
    )
    before = (home / ".bashrc").read_text()
    result = loco("completion", "install", "bash", "--json").json["result"]
    assert result["changed"] == [str(home / ".local/share/bash-completion/completions/loco")]
    assert (home / ".bashrc").read_text() == before
    assert typed("bash", "loco teams rol\t\r") == "teams role"


def test_a_zsh_with_a_folder_for_completions_is_given_the_file_alone(
    loco: Loco, home: Path, typed: Callable[[str, str], str]
) -> None:
    (home / ".zfunc").mkdir()
    before = "setopt nounset\nfpath=(~/.zfunc $fpath)\nautoload -Uz compinit; compinit -u\necho said at the start\n"
    (home / ".zshrc").write_text(before)
    assert loco("completion", "install", "zsh", "--json").json["result"]["changed"] == [str(home / ".zfunc/_loco")]
    assert (home / ".zshrc").read_text() == before
    assert typed("zsh", "loco teams rol\t\r") == "teams role"


def test_a_start_up_file_keeps_what_it_has_its_mode_and_that_it_is_a_link(loco: Loco, home: Path) -> None:
    real = home / "dot files" / "zshrc"
    real.parent.mkdir()
    before = b"# caf\xe9\r\nalias l=ls"
    real.write_bytes(before)
    real.chmod(0o600)
    (home / ".zshrc").symlink_to(real)
    assert loco("completion", "install", "zsh").code == 0
    assert (home / ".zshrc").is_symlink()
    assert real.read_bytes().startswith(before + b"\n" + BEGIN.encode())
    assert real.stat().st_mode & 0o777 == 0o600
    loco("completion", "uninstall", "zsh")
    assert real.read_bytes() == before + b"\n"
    assert [path.name for path in real.parent.iterdir()] == ["zshrc"]


@EACH_SHELL
def test_where_nothing_can_be_written_the_next_step_is_said(loco: Loco, home: Path, shell: str) -> None:
    for name in (".local", ".config"):
        (home / name).write_text("in the way")
    found = loco("completion", "install", shell)
    assert (found.code, found.out) == (1, "")
    assert "error: the completions cannot be put into" in found.err
    assert f"loco completion {shell}" in found.err.splitlines()[-1]
    assert everything(home) == {".local": "in the way", ".config": "in the way"}


def test_a_link_in_a_circle_is_no_defect(loco: Loco, home: Path) -> None:
    (home / ".bashrc").symlink_to(home / ".bashrc")
    found = loco("completion", "install", "bash")
    assert found.code == 1
    assert "error: the completions cannot be put" in found.err


def test_what_somebody_else_wrote_is_left_alone(loco: Loco, home: Path) -> None:
    own = home / ".config/fish/completions/loco.fish"
    own.parent.mkdir(parents=True)
    own.write_text("complete -c loco -a mine\n")
    assert loco("completion", "install", "fish").code == 2
    assert loco("completion", "uninstall", "fish", "--json").json["result"]["changed"] == []
    assert own.read_text() == "complete -c loco -a mine\n"


@pytest.mark.parametrize("said", ["", "exit 1\n", "sleep 60\n", "exec false\n"])
def test_a_shell_that_cannot_be_asked_is_taken_for_one_that_has_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    monkeypatch.setattr(shells, "ASK_SECONDS", 1)
    (home / ".bashrc").write_text(said)
    assert shells.ask("bash") is None
    monkeypatch.setenv("PATH", "")
    assert shells.ask("zsh") is None


def test_an_answer_counts_though_something_is_left_running(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shells, "ASK_SECONDS", 1)
    (home / ".bashrc").write_text("__load_completion() { :; }\nsleep 60 &\necho noise\n")
    assert shells.ask("bash") == []


def test_the_places_follow_the_environment() -> None:
    environment = {"XDG_DATA_HOME": "/d", "XDG_CONFIG_HOME": "/c", "ZDOTDIR": "/z"}

    def place(shell: str, folders: list[Path] | None = None) -> Place:
        return shells.place(shell, folders, Path("/h"), environment, macos=True)

    assert place("fish").script == Path("/c/fish/completions/loco.fish")
    assert place("bash").script == Path("/d/bash-completion/completions/loco")
    assert place("bash").startup == Path("/h/.bash_profile")
    assert place("bash", [Path("/b")]) == Place("bash", Path("/b/completions/loco"), Path("/h/.bash_profile"))
    assert place("zsh").startup == Path("/z/.zshrc")
    assert place("zsh", [Path("/usr/share/zsh/site-functions")]).script == Path("/d/zsh/site-functions/_loco")


@pytest.mark.parametrize(
    "before", ["", "a\n", "a", "a\r\nb\r\n", f"a\n{BEGIN}\nold\n{END}\nb\n", f"{BEGIN}\nhalf of one\n"]
)
def test_a_block_stands_once_and_goes_without_a_trace(before: str) -> None:
    after = with_block(before, "one\ntwo")
    assert after.endswith(f"{BEGIN}\none\ntwo\n{END}\n")
    assert "old" not in after
    assert with_block(after, "one\ntwo") == after
    assert len(re.findall("^one$", after, re.MULTILINE)) == 1
    plain = before.replace(f"{BEGIN}\nold\n{END}\n", "")
    assert without_block(after) == plain + ("\n" if plain and not plain.endswith("\n") else "")


def everything(home: Path) -> dict[str, str]:
    """Give the files of a home; not what shells write by themselves."""
    return {
        str(path.relative_to(home)): path.read_bytes().decode(errors="replace")
        for path in sorted(home.rglob("*"))
        if path.is_file()
        and "zcompdump" not in path.name
        and "fish_variables" not in path.name
        and "history" not in path.name
    }
