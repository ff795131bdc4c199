import os
import shutil
from pathlib import Path

import pytest

from loco_server.check.machine import folder
from loco_server.check.machine.folder import Folder, judge, space
from loco_server.check.machine.place import machine
from loco_server.local.folder import make
from loco_server.settings import Settings

pytestmark = pytest.mark.anyio

HERE = Path("/srv/loco")


@pytest.mark.parametrize(
    ("folder", "state", "said", "fix"),
    [
        (Folder(HERE), "ok", "the first start makes it", ""),
        (Folder(HERE, owner=0), "ok", "/srv/loco is root's alone", ""),
        (Folder(HERE, owner=77777, me=0), "ok", "uid 77777's alone", ""),
        (Folder(HERE, owner=0, me=77777), "missing", "is root's, and this is uid 77777", "run the server as the user"),
        (Folder(HERE, owner=0, mode=0o750), "missing", "open to others (mode 750)", "chmod 700 /srv/loco"),
        (
            Folder(HERE, owner=0, open_to_others=("keys", "keys/server.key")),
            "missing",
            "open to others: keys, keys/server.key",
            "chmod go= /srv/loco/keys /srv/loco/keys/server.key",
        ),
        (
            Folder(HERE, owner=0, strange="/srv/loco holds what is not loco's (x)"),
            "missing",
            "not loco's (x)",
            "--data",
        ),
        (Folder(HERE, longest=108), "missing", "108 bytes of 107", "shorter --data-dir"),
    ],
)
def test_whose_the_folder_is_and_who_else_sees_into_it(folder: Folder, state: str, said: str, fix: str) -> None:
    found = judge(folder)
    assert (found.state, said in found.said, fix in found.fix) == (state, True, True), found
    assert bool(found.fix) is (state != "ok")


@pytest.fixture
def made(tmp_path: Path) -> Path:
    found = tmp_path / "data"
    make(Settings(data_dir=found))
    (found / "keys" / "server.key").touch(0o600)
    return found


async def test_a_folder_as_the_server_makes_it_is_well(made: Path) -> None:
    found = await folder.look(machine(made, {}, domain=None))
    assert found.state == "ok", found


@pytest.mark.parametrize("part", ["", "keys", "run", "keys/server.key"])
async def test_each_part_that_others_may_read_is_found(made: Path, part: str) -> None:
    (made / part).chmod(0o755)
    found = await folder.look(machine(made, {}, domain=None))
    assert found.state == "missing"
    assert f"{made / part}" in found.fix


async def test_what_is_not_locos_is_found_and_so_is_a_file_in_its_place(made: Path, tmp_path: Path) -> None:
    (made / "photo.jpg").touch()
    found = await folder.look(machine(made, {}, domain=None))
    assert "photo.jpg" in found.said
    (tmp_path / "file").touch()
    found = await folder.look(machine(tmp_path / "file", {}, domain=None))
    assert "is no folder" in found.said


async def test_free_space_is_held_against_the_floor_of_the_server(tmp_path: Path) -> None:
    assert space(999, 1000, HERE).state == "missing"
    assert space(1000, 1000, HERE).state == "ok"
    there = shutil.disk_usage(tmp_path).total
    variables = {"LOCO_FREE_SPACE_FLOOR": str(there * 2)}
    found = await folder.look_at_space(machine(tmp_path / "not" / "there", variables, domain=None))
    assert found.state == "missing"
    assert str(tmp_path) in found.said


async def test_a_path_too_long_for_sockets_is_found_before_it_is_made(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 90)
    found = await folder.look(machine(long, {}, domain=None))
    assert found.state == "missing"
    assert f"{len(os.fsencode(long / 'run' / 'registry.sock'))} bytes" in found.said
