import re
from pathlib import Path

import pytest

from loco_server.check.finding import CannotLookError
from loco_server.check.machine import fence
from loco_server.check.machine.fence import Fence, judge
from loco_server.check.machine.place import machine
from loco_server.engines.docker.fence import JUMPS, rules

pytestmark = pytest.mark.anyio

DOCKER = "-A FORWARD -j DOCKER-USER\n"
WANTED = rules([])
SET = (
    "*filter\n"
    + DOCKER
    + "".join(f"-A {source} {way} loco-+ -j {target}\n" for source, way, target in JUMPS)
    + "\n".join(re.findall("^-A .*$", WANTED, re.MULTILINE))
    + "\n"
)


@pytest.mark.parametrize(
    ("fence", "public", "local", "said"),
    [
        (Fence(saved=DOCKER), "ok", "ok", "no team has a network yet"),
        (Fence(saved=SET, wanted=WANTED, networks=2), "ok", "ok", "in place around 2 networks of teams"),
        (Fence(saved=DOCKER, wanted=WANTED, networks=1), "missing", "missing", "1 network of teams, and the rules"),
        (Fence(lacking=("iptables",)), "missing", "warning", "iptables not there: no second team is let in"),
        (Fence(fault="iptables-save said: denied"), "missing", "warning", "iptables-save said: denied"),
        (Fence(saved="*filter\n"), "missing", "warning", "DOCKER-USER"),
    ],
)
def test_one_team_alone_may_do_without_and_a_public_machine_may_not(
    fence: Fence, public: str, local: str, said: str
) -> None:
    for is_public, state in ((True, public), (False, local)):
        found = judge(fence, public=is_public)
        assert (found.state, said in found.said) == (state, True), found
        assert bool(found.fix) is (state != "ok")


async def test_programs_that_are_not_installed_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = await fence.look(machine(tmp_path, {}, domain="a.example"))
    assert found.state == "missing"
    assert "iptables, iptables-save, iptables-restore" in found.said


async def test_what_iptables_says_is_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "iptables-save"
    program.write_text("#!/bin/sh\necho 'Fatal: must be root' >&2\nexit 4\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(CannotLookError, match="iptables-save said: Fatal: must be root"):
        await fence._saved("iptables-save")


@pytest.mark.engine
async def test_the_rules_of_this_machine_can_be_read(tmp_path: Path) -> None:
    found = await fence.look(machine(tmp_path, {}, domain=None))
    assert found.state == "ok", found
