"""What the server stands on fails for a while: disk, database, clock. Each deployment has a true end, and says why."""

import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.e2e.stack import Clock, Stack, httpd
from tests.waiting import eventually

pytestmark = [pytest.mark.engine, pytest.mark.sample("faults")]

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
MEBI = 1 << 20


@contextmanager
def small_disk(folder: Path, mebibytes: int) -> Iterator[None]:
    """A disk of its own for a folder, of so many MiB."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m,mode=0700", "loco-test", str(folder)]
    subprocess.run(mount, check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Leave no room on a disk."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (MEBI, 4096):
            try:
                while file.write(b"x" * size) == size:
                    pass
            except OSError:
                continue
    return filler


@pytest.fixture
def root() -> None:
    if os.geteuid() != 0:
        pytest.skip("mounts disks")


def serves(stack: Stack, text: str) -> None:
    """The app serves it, and the server takes the next redeploy: nothing is left over."""
    assert stack.get("hello").text == text
    stack.loco("redeploy", "--app", "hello")
    found = stack.json("status", "--app", "hello")
    assert found["latest"]["number"] == found["live"]["number"]


def test_records_that_have_no_room_are_waited_for_and_the_deploy_goes_on_when_there_is_some(
    own_stack: Stack, root: None
) -> None:
    own_stack.environment["LOCO_FREE_SPACE_FLOOR"] = "0"
    with small_disk(own_stack.data_dir, 64):
        own_stack.start()
        own_stack.loco("login")
        folder = httpd(own_stack, text="before")
        own_stack.loco("deploy", cwd=folder)
        (folder / "www/index.html").write_text("after")
        filler = fill(own_stack.data_dir / "log")
        with own_stack.begin("deploy", cwd=folder) as deploying:
            eventually(lambda: "the disk is full; waiting" in deploying.said, within=40)
            assert own_stack.get("hello").text == "before"
            filler.unlink()
            assert deploying.ended(within=90) == 0, deploying.said
        serves(own_stack, "after")
        assert "defect" not in own_stack.output()
        own_stack.stop()
        own_stack.server("reset", "--yes")


def test_a_disk_that_is_full_when_a_deploy_begins_is_told_before_anything_is_built(
    own_stack: Stack, root: None
) -> None:
    own_stack.environment["LOCO_FREE_SPACE_FLOOR"] = str(8 * MEBI)
    with small_disk(own_stack.data_dir, 64):
        own_stack.start()
        own_stack.loco("login")
        folder = httpd(own_stack)
        filler = fill(own_stack.data_dir / "log")
        with filler.open("r+b") as file:
            file.truncate(filler.stat().st_size - 4 * MEBI)
        assert "no room for another deployment" in own_stack.loco("deploy", cwd=folder, exit_code=1).stderr
        filler.unlink()
        own_stack.loco("deploy", cwd=folder)
        own_stack.stop()
        own_stack.server("reset", "--yes")


def test_a_registry_without_room_is_told_as_that_and_takes_the_push_when_there_is_some(
    own_stack: Stack, root: None
) -> None:
    with small_disk(own_stack.data_dir / "registry", 40):
        own_stack.start()
        own_stack.loco("login")
        folder = httpd(own_stack)
        filler = fill(own_stack.data_dir / "registry")
        found = own_stack.loco("deploy", cwd=folder, exit_code=3)
        assert "no space left for images on the server's disk" in found.stderr
        assert own_stack.json("status", "--app", "hello")["live"] is None
        filler.unlink()
        own_stack.loco("deploy", cwd=folder)
        serves(own_stack, "hello")
        own_stack.stop()
        own_stack.server("reset", "--yes")
        assert list(own_stack.data_dir.rglob("*")) == [own_stack.data_dir / "registry"]  # a mount point


def test_records_that_another_process_holds_are_waited_for(own_stack: Stack, size: Callable[[str], int]) -> None:
    own_stack.start()
    own_stack.loco("login")
    folder = httpd(own_stack, text="before")
    own_stack.loco("deploy", cwd=folder)
    (folder / "www/index.html").write_text("after")
    with closing(sqlite3.connect(own_stack.data_dir / "loco.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        held = Clock()
        with own_stack.begin("deploy", cwd=folder) as deploying:
            eventually(lambda: "held by another process; waiting" in deploying.said, within=40)
            assert own_stack.get("hello").text == "before"
            eventually(lambda: held.seconds > size("seconds_records_are_held"), within=60)
            other.execute("ROLLBACK")
            assert deploying.ended(within=90) == 0, deploying.said
    serves(own_stack, "after")
    assert "defect" not in own_stack.output()


@pytest.mark.parametrize("skew", ["+1h", pytest.param("-1h", marks=pytest.mark.long)])
def test_a_server_whose_clock_is_wrong_by_an_hour_deploys_and_says_so(own_stack: Stack, skew: str) -> None:
    wrong = {"LD_PRELOAD": str(FAKETIME), "FAKETIME": skew, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    assert FAKETIME.exists(), "apt-get install faketime"
    own_stack.environment |= wrong
    own_stack.start()
    for name in wrong:  # the CLI, the engine and (as it is no C) the registry have the true time
        del own_stack.environment[name]
    own_stack.loco("login")
    folder = httpd(own_stack)
    own_stack.loco("deploy", cwd=folder)
    own_stack.loco("variables", "set", "NAME=value", "--app", "hello")
    serves(own_stack, "hello")
    assert "response:200" in own_stack.loco("logs", "--app", "hello", "--since", "5m").stdout
    assert own_stack.loco("whoami").returncode == 0
    eventually(lambda: "the registry's clock is" in own_stack.output())
