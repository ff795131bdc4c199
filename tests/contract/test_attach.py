"""Into an instance, on both engines: streams, exit codes, a terminal, and that nothing is left of what was left."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import docker
import pytest

from loco_server.engines.attached import READ_BYTES, Attached, InstanceEndedError, NothingListensError, Start
from loco_server.engines.docker.engine import DockerEngine
from tests.contract.engines import web_image
from tests.contract.places import Place, on_docker, on_kubernetes
from tests.contract.test_both_engines import NEEDS_PODS, pulled, sh
from tests.waiting import eventually_async

pytestmark = [pytest.mark.engine, pytest.mark.anyio]
__all__ = ["pulled"]  # a fixture


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def web(docker_client: docker.DockerClient) -> str:
    return web_image(docker_client)


@pytest.fixture(scope="module", params=["docker", "kubernetes"])
async def serving(
    request: pytest.FixtureRequest, docker_client: docker.DockerClient, web: str, tmp_path_factory: Any
) -> AsyncIterator[Place]:
    async with place(request, docker_client, web, tmp_path_factory.mktemp("edge")) as found:
        await found.roll(found.rollout(1))
        yield found


@asynccontextmanager
async def place(
    request: pytest.FixtureRequest, client: docker.DockerClient, image: str, folder: Path
) -> AsyncIterator[Place]:
    if request.param == "docker":
        async with on_docker(client, image, folder) as found:
            yield found
        return
    kube = request.getfixturevalue("kube")
    if not kube.whole:
        pytest.skip(NEEDS_PODS)
    config, image = request.getfixturevalue("server_kubeconfig"), request.getfixturevalue("pulled")
    async with on_kubernetes(kube, config, image, folder) as found:
        yield found


async def talk(attached: Attached, given: bytes | None = None) -> tuple[bytes, bytes, int | None]:
    """Give it its stdin, and give stdout, stderr and how it ended."""

    async def write() -> None:
        for at in range(0, len(given or b""), READ_BYTES):
            await attached.write((given or b"")[at : at + READ_BYTES])
        if given is not None:
            await attached.end_input()

    said = {"stdout": b"", "stderr": b""}
    writing = asyncio.create_task(write())
    while (piece := await attached.read()) is not None:
        assert len(piece[1]) <= READ_BYTES
        said[piece[0]] += piece[1]
    code = await attached.exit_code()
    writing.cancel()
    with suppress(asyncio.CancelledError):
        await writing
    return said["stdout"], said["stderr"], code


async def instance(place: Place) -> str:
    return (await place.instances())[0]


async def execute(place: Place, script: str, given: bytes | None = None, **how: Any) -> tuple[bytes, bytes, int | None]:
    start = Start(sh(script), stdin=given is not None, **how)
    async with place.engine.exec(place.app, await instance(place), start) as attached:
        return await talk(attached, given)


async def processes(place: Place, seconds: str) -> int:
    """How many in the instance sleep for so long."""
    script = f"ps -o args | grep -c '[s]leep {seconds}$' || true"
    return int(await place.run_inside(await instance(place), script))


async def one_offs(place: Place) -> list[str]:
    return await place.one_offs()


async def test_streams_stay_apart_and_whole_and_the_exit_code_comes_back(serving: Place) -> None:
    given = bytes(range(256)) * 12_000  # 3 MB
    assert await execute(serving, "cat; echo oops >&2; exit 7", given) == (given, b"oops\n", 7)


async def test_a_signal_is_128_and_its_number_and_the_instance_lives(serving: Place) -> None:
    assert (await execute(serving, "kill -TERM $$; sleep 9"))[2] == 128 + 15
    assert (await execute(serving, "kill -KILL $$; sleep 9"))[2] == 128 + 9


async def test_it_runs_as_the_instances_user_with_its_variables(serving: Place) -> None:
    out, _, code = await execute(serving, 'echo "$(id -u) $GREETING"')
    assert (out, code) == (b"10001 hello\n", 0)


async def test_a_terminal_has_its_size_and_learns_of_another(serving: Place) -> None:
    sized = "until stty size 2>&1 | grep -q '^31 91$'; do sleep 0.1; done"  # a cluster tells it a moment later
    start = Start(sh(f"{sized}; echo sized; read line; stty size; echo oops >&2"), True, True, columns=91, rows=31)
    async with serving.engine.exec(serving.app, await instance(serving), start) as attached:
        piece = await attached.read()
        assert piece == ("stdout", b"sized\r\n")
        await attached.resize(120, 40)
        await attached.write(b"\n")
        out, err, code = await talk(attached)
    assert out.endswith(b"40 120\r\noops\r\n")
    assert (err, code) == (b"", 0)


async def test_ctrl_c_on_a_terminal_is_a_signal(serving: Place) -> None:
    start = Start(sh("trap 'echo caught; exit 5' INT; echo ready; sleep 99 & wait"), tty=True, stdin=True)
    async with serving.engine.exec(serving.app, await instance(serving), start) as attached:
        while b"ready" not in ((await attached.read()) or ("stdout", b"ready"))[1]:
            pass
        await attached.write(b"\x03")
        out, _, code = await talk(attached)
    assert (b"caught" in out, code) == (True, 5)


async def test_a_program_that_is_not_there_is_127_and_said_as_a_shell_would(serving: Place) -> None:
    for opened in (
        serving.engine.exec(serving.app, await instance(serving), Start(("no-such-program",))),
        serving.engine.run(serving.rollout(1), Start(("no-such-program",))),
    ):
        async with opened as attached:
            out, err, code = await talk(attached)
        assert (out, code) == (b"", 127)
        # The runtime finds none, or on Kubernetes something in the image: in a line, and not in the runtime's words.
        assert re.fullmatch(rb".*no-such-program.*: (not found|No such file or directory)\n", err), err
        assert b"OCI" not in err


async def test_who_leaves_ends_what_ran_with_all_that_it_started(serving: Place) -> None:
    for tty in (False, True):
        start = Start(sh("trap '' HUP; sleep 98761 & sleep 98762; true"), stdin=True, tty=tty)
        async with serving.engine.exec(serving.app, await instance(serving), start):
            await eventually_async(lambda: _both(serving))
        for word in ("98761", "98762"):
            assert await processes(serving, word) == 0


async def _both(place: Place) -> bool:
    return await processes(place, "98761") > 0 and await processes(place, "98762") > 0


async def test_a_container_of_its_own_is_the_live_one_but_no_instance_and_goes_with_its_command(serving: Place) -> None:
    before = await serving.instances()
    start = Start(sh('read name; echo "$GREETING $name $(id -u)"; exit 3'), stdin=True)
    async with serving.engine.run(serving.rollout(1), start) as attached:
        assert len(await serving.one_offs()) == 1
        assert await serving.instances() == before
        await serving.engine.reconcile([serving.rollout(1)], frozenset())  # leaves it alone
        assert await talk(attached, b"ann\n") == (b"hello ann 10001\n", b"", 3)
    assert await serving.one_offs() == []
    assert await serving.lines() == ["listening on 8080"]


async def test_a_container_of_its_own_goes_with_whoever_was_attached(serving: Place) -> None:
    async with serving.engine.run(serving.rollout(1), Start(sh("echo up; sleep 999"), tty=True)) as attached:
        assert await attached.read() == ("stdout", b"up\r\n")
    assert await serving.one_offs() == []


async def test_what_a_killed_server_left_is_ended_by_the_next(serving: Place) -> None:
    async with (
        serving.engine.run(serving.rollout(1), Start(sh("sleep 999"))) as alone,
        serving.engine.exec(serving.app, await instance(serving), Start(sh("sleep 98763; true"))) as beside,
    ):
        await eventually_async(lambda: processes(serving, "98763"))
        await serving.next_server([serving.rollout(1)])
        assert await serving.one_offs() == []
        if isinstance(serving.engine, DockerEngine):  # nobody knows it any more in a cluster
            assert await processes(serving, "98763") == 0
            assert (await talk(beside))[2] is not None
        with suppress(InstanceEndedError):  # or its exit code, if that was seen first
            assert (await talk(alone))[2] != 0


async def test_a_port_is_reached_both_ways_and_one_that_nobody_has_is_refused(serving: Place) -> None:
    async with serving.engine.connect(serving.app, await instance(serving), 8080) as attached:
        await attached.write(b"GET / HTTP/1.0\r\n\r\n")
        out, _, code = await talk(attached)
        assert out.startswith(b"HTTP/1.1 200 OK")
        assert (out.endswith(b"hello\n"), code) == (True, None)
    with pytest.raises(NothingListensError, match="port 9999"):
        async with serving.engine.connect(serving.app, await instance(serving), 9999) as attached:
            await talk(attached)


async def test_an_instance_that_goes_in_the_middle_is_told_of(serving: Place) -> None:
    name = await instance(serving)
    async with serving.engine.exec(serving.app, name, Start(sh("echo up; sleep 999"))) as attached:
        assert await attached.read() == ("stdout", b"up\n")
        await serving.take_away(name)
        with pytest.raises(InstanceEndedError, match=f"{name} (has ended|is gone)"):
            await talk(attached)
    with pytest.raises(InstanceEndedError):
        async with serving.engine.exec(serving.app, name, Start(sh("true"))):
            pass
