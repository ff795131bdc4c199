"""The same on both engines: what an app's owner may rely on, wherever it runs. Seen from outside, through an Envoy."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import docker
import pytest

from loco_server.engines import rolling
from loco_server.engines.base import AppRef, LogQuery, RolloutFailedError, StaleAttemptError, Suspension
from loco_server.units import UnitPort, UnitRoute
from loco_spec.errors import NotFound
from loco_spec.events import LogBatch
from loco_spec.names import new_id
from tests.contract.engines import MIB, Told, new_app, owner, web_image
from tests.contract.places import Place, on_docker, on_kubernetes
from tests.kube import images
from tests.waiting import eventually_async

pytestmark = [pytest.mark.engine, pytest.mark.anyio]

NEEDS_PODS = "LOCO_TEST_KUBECONFIG names no cluster that runs pods"


@pytest.fixture(scope="session")
def web(docker_client: docker.DockerClient) -> str:
    return web_image(docker_client)


@pytest.fixture(scope="session")
def pulled(docker_client: docker.DockerClient, web: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The same image, as nodes name it."""
    with images.registry(tmp_path_factory.mktemp("registry")) as address:
        yield images.pushed(docker_client, web, address, "loco-test/web")


@pytest.fixture(params=["docker", "kubernetes"])
async def place(
    request: pytest.FixtureRequest, docker_client: docker.DockerClient, web: str, tmp_path: Path
) -> AsyncIterator[Place]:
    folder = tmp_path / "edge"
    folder.mkdir()
    if request.param == "docker":
        async with on_docker(docker_client, web, folder) as found:
            yield found
        return
    kube = request.getfixturevalue("kube")
    if not kube.whole:
        pytest.skip(NEEDS_PODS)
    pulled = request.getfixturevalue("pulled")
    async with on_kubernetes(kube, request.getfixturevalue("server_kubeconfig"), pulled, folder) as found:
        yield found


@pytest.fixture
async def serving(place: Place) -> Place:
    await place.roll(place.rollout(1))
    await place.answers("hello\n")
    return place


def sh(script: str) -> tuple[str, ...]:
    return ("/bin/sh", "-c", script)


async def gone(place: Place, deployment: int) -> None:
    """Nothing of the deployment is left."""

    async def none() -> bool:
        return not any(each.deployment == deployment for each in await place.engine.status(place.app))

    await eventually_async(none, within=30)


# ---- serving


async def test_a_deployment_serves_at_its_host_and_tells_what_it_did(place: Place) -> None:
    lines = await place.roll(place.rollout(1, replicas=2))
    await place.answers("hello\n")
    assert [(each.deployment, each.state, each.restarts) for each in await place.engine.status(place.app)] == [
        (1, "running", 0),
        (1, "running", 0),
    ]
    for name in await place.instances():
        assert any(line.startswith(f"{name} is healthy (") for line in lines), lines
    assert (await place.get(host="other.example.com"))[0] == 404


async def test_a_path_prefix_matches_whole_segments_and_can_be_stripped(place: Place) -> None:
    routes = (
        UnitRoute(place.host, "/api", "http", strip_prefix=True),
        UnitRoute(place.host, "/healthz", "http", strip_prefix=False),
    )
    await place.roll(place.rollout(1, routes=routes))
    await place.answers("hello\n", "/api")
    assert await place.get("/api/healthz") == (200, "fine\n")
    assert await place.get("/healthz") == (200, "fine\n")
    assert (await place.get("/apix"))[0] == 404
    assert (await place.get("/"))[0] == 404


async def test_what_the_app_finds_in_its_environment_is_what_the_unit_says(place: Place) -> None:
    await place.roll(place.rollout(1, env=(("GREETING", "a b\n'c'"), ("LOCO_APP", "shop"))))
    (name,) = await place.instances()
    assert await place.run_inside(name, 'printf "%s|%s" "$GREETING" "$LOCO_APP"') == "a b\n'c'|shop"
    assert "SHOP_SERVICE_HOST" not in await place.run_inside(name, "env"), "nothing that only one engine puts there"


async def test_a_command_is_run_as_it_stands(place: Place) -> None:
    script = "echo $GREETING $(echo sub) $((1 + 1)) > /tmp/said; [ $$ -gt 0 ] && exec /run.sh 8080"
    await place.roll(place.rollout(1, command=sh(script)))
    (name,) = await place.instances()
    assert await place.run_inside(name, "cat /tmp/said") == "hello sub 2\n"


async def test_the_file_system_is_writable_unless_the_app_says_otherwise(place: Place) -> None:
    writes = "cd /home 2>/dev/null || cd /tmp; echo x > file && cat file"
    await place.roll(place.rollout(1))
    (name,) = await place.instances()
    assert await place.run_inside(name, writes) == "x\n"
    await place.roll(place.rollout(2, read_only=True))
    await gone(place, 1)
    (name,) = await place.instances()
    assert "Read-only" in await place.run_inside(name, "touch /www/x 2>&1 || true")
    assert await place.run_inside(name, writes) == "x\n", "/tmp stays"


async def test_an_app_runs_as_the_user_that_it_was_resolved_to_and_without_any_capability(place: Place) -> None:
    await place.roll(place.rollout(1, user=20001, group=20002))
    (name,) = await place.instances()
    assert await place.run_inside(name, "id -u; id -g") == "20001\n20002\n"
    status = await place.run_inside(name, "cat /proc/1/status")
    assert "CapBnd:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status


async def test_a_sick_instance_gets_no_traffic_until_it_is_well_and_is_never_killed_for_it(place: Place) -> None:
    probe = dataclasses.replace(place.unit().probe, path="/healthz", interval=1, failures=1)
    command = sh("cp -r /www /tmp/w; exec httpd -f -p 8080 -h /tmp/w")
    live = place.rollout(1, replicas=2, probe=probe, command=command)
    await place.roll(live)
    sick, well = await place.instances()
    for name in (sick, well):
        await place.run_inside(name, f"echo {name} > /tmp/w/index.html")
    await place.run_inside(sick, "mv /tmp/w/healthz /tmp/w/x")

    async def only_the_well_one() -> bool:
        await place.engine.reconcile([live], frozenset())
        return {(await place.get())[1] for _ in range(12)} == {f"{well}\n"}

    await eventually_async(only_the_well_one, within=40)
    assert {each.name: each.state for each in await place.engine.status(place.app)}[sick] == "unhealthy"
    await place.run_inside(sick, "mv /tmp/w/x /tmp/w/healthz")

    async def both() -> bool:
        await place.engine.reconcile([live], frozenset())
        return len({(await place.get())[1] for _ in range(12)}) == 2

    await eventually_async(both, within=40)
    assert [each.restarts for each in await place.engine.status(place.app)] == [0, 0]


# ---- one after the other


async def test_the_next_deployment_takes_over_whole_and_no_request_fails(serving: Place) -> None:
    stop, answers = asyncio.Event(), dict[Any, int]()

    async def visit() -> None:
        while not stop.is_set():
            answer = await serving.get("/healthz")
            answers[answer] = answers.get(answer, 0) + 1

    visitors = [asyncio.create_task(visit()) for _ in range(3)]
    for deployment in (2, 3):
        await serving.roll(serving.rollout(deployment, replicas=2))
    await gone(serving, 2)
    stop.set()
    await asyncio.gather(*visitors)
    assert set(answers) == {(200, "fine\n")}
    assert answers[200, "fine\n"] > 100
    assert {each.deployment for each in await serving.engine.status(serving.app)} == {3}


@pytest.mark.parametrize(("name", "port"), [("web", 8080), ("http", 9000)], ids=["renamed", "renumbered"])
async def test_a_port_gets_another_name_or_number_and_no_request_fails(serving: Place, name: str, port: int) -> None:
    stop, answers = asyncio.Event(), dict[Any, int]()

    async def visit() -> None:
        while not stop.is_set():
            answer = await serving.get("/healthz")
            answers[answer] = answers.get(answer, 0) + 1

    visitors = [asyncio.create_task(visit()) for _ in range(3)]
    changes: dict[str, Any] = {
        "command": ("/run.sh", str(port)),
        "ports": (UnitPort(name, port, "http"),),
        "probe": dataclasses.replace(serving.unit().probe, port=port, path="/healthz"),
        "routes": (UnitRoute(serving.host, "/", name, strip_prefix=False),),
    }
    await serving.roll(serving.rollout(2, replicas=2, **changes))
    await gone(serving, 1)
    await serving.roll(serving.rollout(3, replicas=2))
    await gone(serving, 2)
    stop.set()
    await asyncio.gather(*visitors)
    assert set(answers) == {(200, "fine\n")}
    assert answers[200, "fine\n"] > 100


async def test_other_ports_and_routes_replace_the_old_whole(serving: Place) -> None:
    other = f"other-{serving.host}"
    changes: dict[str, Any] = {
        "command": ("/run.sh", "9000"),
        "ports": (UnitPort("web", 9000, "http"), UnitPort("side", 9001, "tcp")),
        "probe": dataclasses.replace(serving.unit().probe, port=9000, path="/healthz"),
        "routes": (UnitRoute(other, "/", "web", strip_prefix=False),),
    }
    await serving.roll(serving.rollout(2, **changes))
    await serving.answers("hello\n", host=other)

    async def retired() -> bool:
        return bool((await serving.get())[0] == 404)

    await eventually_async(retired)


async def test_a_deployment_that_is_rolled_again_changes_nothing(serving: Place) -> None:
    before = await serving.instances()
    await serving.roll(serving.rollout(1, attempt=2))
    assert await serving.instances() == before


async def test_what_a_later_attempt_has_made_an_earlier_one_does_not_touch(serving: Place) -> None:
    await serving.roll(serving.rollout(2, attempt=3))
    before = await serving.instances()
    with pytest.raises(StaleAttemptError):
        await serving.engine.roll(serving.rollout(2, attempt=2), emit=Told(), guard=owner)
    with pytest.raises(StaleAttemptError):
        await serving.engine.withdraw(serving.rollout(2, attempt=2))
    assert await serving.instances() == before


async def test_more_and_fewer_instances_without_a_new_image(serving: Place) -> None:
    for deployment, replicas in ((2, 3), (3, 1)):
        await serving.roll(serving.rollout(deployment, replicas=replicas))
        await gone(serving, deployment - 1)
        assert len(await serving.instances()) == replicas
        await serving.answers("hello\n")


async def test_a_cancelled_deployment_is_taken_away_and_the_former_serves_on(serving: Place) -> None:
    cancelled = asyncio.Event()

    class CancelledError(Exception): ...

    async def guard() -> None:
        if cancelled.is_set():
            raise CancelledError

    slow = serving.rollout(2, command=sh("exec sleep 600"), probe=dataclasses.replace(serving.unit().probe, grace=300))
    rolling = asyncio.create_task(serving.engine.roll(slow, emit=Told(), guard=guard))

    async def started() -> bool:
        return any(each.deployment == 2 for each in await serving.engine.status(serving.app))

    await eventually_async(started, within=20)
    cancelled.set()
    with pytest.raises(CancelledError):
        await asyncio.wait_for(rolling, 10)
    await serving.engine.withdraw(slow)
    await gone(serving, 2)
    assert await serving.get() == (200, "hello\n")


# ---- what fails, and why


async def explained(place: Place, cause: str, **changes: Any) -> Any:
    diagnosis = await place.fail(place.rollout(2, **changes))
    assert diagnosis.cause == cause, diagnosis
    assert diagnosis.hint
    assert await place.get() == (200, "hello\n"), "the former serves on"
    await gone(place, 2)
    assert "a-pull-ticket" not in diagnosis.model_dump_json()
    return diagnosis


async def test_an_app_that_exits_is_told_with_its_code_and_last_lines_which_stay_readable(serving: Place) -> None:
    script = "for i in $(seq 30); do echo line $i; done; exit 3"
    diagnosis = await explained(serving, "exited", command=sh(script))
    assert "exit code 3" in diagnosis.message
    assert diagnosis.lines == tuple(f"line {n}" for n in range(11, 31))
    assert "line 30" in await serving.lines()


async def test_running_out_of_memory_is_told_as_that(serving: Place) -> None:
    eater = sh("x=0123456789abcdef; while :; do x=$x$x$x$x; done")
    diagnosis = await explained(serving, "out-of-memory", command=eater, memory_bytes=32 * MIB)
    assert "32 MiB" in diagnosis.message


async def test_a_command_that_is_not_there_is_told(serving: Place) -> None:
    diagnosis = await explained(serving, "command-not-found", command=("gunicorn", "app"))
    assert "gunicorn" in diagnosis.message


async def test_a_registry_that_does_not_answer_is_told_with_its_words(serving: Place) -> None:
    nowhere = f"127.0.0.1:9/acme/shop@sha256:{'0' * 64}"
    diagnosis = await explained(serving, "registry-away", image=nowhere, timeout_seconds=20)
    assert diagnosis.phase == "pulling"
    assert "connection refused" in diagnosis.evidence[-1].text


async def test_a_health_path_that_answers_404_is_told(serving: Place) -> None:
    probe = dataclasses.replace(serving.unit().probe, path="/nothing", grace=3)
    diagnosis = await explained(serving, "probe-status", probe=probe)
    assert "/nothing" in diagnosis.message
    assert "404" in diagnosis.message


async def test_a_redirect_on_the_same_host_is_followed(place: Place) -> None:
    probe = dataclasses.replace(place.unit().probe, path="/cgi-bin/home.sh")
    await place.roll(place.rollout(1, probe=probe))


async def test_an_app_that_never_listens_fails_within_its_grace_and_is_told_of_before(
    serving: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rolling, "LATE_SECONDS", 1.0)
    probe = dataclasses.replace(serving.unit().probe, grace=3)
    diagnosis = await serving.fail(serving.rollout(2, command=sh("exec sleep 600"), probe=probe))
    (waiting,) = [line for line in serving.told if line.startswith("waiting: ")]
    assert waiting.startswith(f"waiting: {diagnosis.message} ("), "known long before it was given up"
    assert waiting.endswith(" s of at most 3 s)")
    assert diagnosis.phase == "health"
    assert diagnosis.seconds < 25
    assert await serving.get() == (200, "hello\n")


async def test_a_deployment_that_takes_too_long_fails_within_its_time(serving: Place) -> None:
    slow: dict[str, Any] = {
        "command": sh("exec sleep 600"),
        "probe": dataclasses.replace(serving.unit().probe, grace=300),
    }
    diagnosis = await serving.fail(serving.rollout(2, timeout_seconds=4, **slow))
    assert diagnosis.seconds < 9
    assert await serving.get() == (200, "hello\n")


# ---- the release command


async def test_a_release_command_gives_its_exit_code_and_lines_and_runs_once(place: Place) -> None:
    command = sh("echo migrating; echo $GREETING; exit 5")

    async def release(attempt: int) -> Any:
        return await place.engine.release(
            place.rollout(1, attempt=attempt), command, timeout_seconds=40, emit=Told(), guard=owner
        )

    first = await release(1)
    assert (first.exit_code, first.lines) == (5, ("migrating", "hello"))
    assert await release(2) == first
    await place.roll(place.rollout(1, attempt=2))
    assert (await place.lines()).count("migrating") == 1, "kept, and only once"


async def test_a_release_command_that_takes_too_long_is_ended(place: Place) -> None:
    with pytest.raises(RolloutFailedError) as failed:
        await place.engine.release(
            place.rollout(1), sh("echo on it; exec sleep 600"), timeout_seconds=6, emit=Told(), guard=owner
        )
    assert failed.value.diagnosis.cause == "release-timeout"


# ---- logs


async def test_a_followed_log_goes_on_across_a_redeploy_and_repeats_nothing(serving: Place) -> None:
    batches: list[LogBatch] = []

    async def read() -> None:
        async for batch in serving.engine.logs(LogQuery(app=serving.app, follow=True)):
            batches.append(batch)  # noqa: PERF401  looked at while it grows

    following = asyncio.create_task(read())
    for deployment in (2, 3):
        await serving.roll(serving.rollout(deployment))
        await gone(serving, deployment - 1)

    def told() -> list[tuple[int, str]]:
        return [(line.deployment, line.text) for batch in batches for line in batch.lines]

    async def all_of_it() -> bool:
        return (3, "listening on 8080") in told() and (2, "bye") in told()

    await eventually_async(all_of_it, within=20)
    following.cancel()
    expected = [(n, text) for n in (1, 2) for text in ("listening on 8080", "bye")] + [(3, "listening on 8080")]
    assert sorted(told()) == sorted(expected)
    position = next(batch.position for batch in batches if any(line.deployment == 2 for line in batch.lines))
    rest = [line for batch in await serving.batches(position=position) for line in batch.lines]
    seen = [line for batch in batches[: [b.position for b in batches].index(position) + 1] for line in batch.lines]
    assert sorted(told()) == sorted((line.deployment, line.text) for line in (*seen, *rest)), "from there on, exactly"


async def test_a_tail_and_a_time_cut_what_is_read(serving: Place) -> None:
    await serving.roll(serving.rollout(2, command=sh("for i in $(seq 50); do echo n-$i; done; exec /run.sh 8080")))
    await gone(serving, 1)

    async def written() -> bool:
        return sorted(await serving.lines())[:3] == ["bye", "listening on 8080", "listening on 8080"]

    await eventually_async(written)
    everything = await serving.lines()
    assert [line for line in everything if line.startswith("n-")] == [f"n-{n}" for n in range(1, 51)]
    assert await serving.lines(tail=7) == everything[-7:]


# ---- keeping it so


async def test_reconcile_brings_back_what_somebody_took_away(serving: Place) -> None:
    live = serving.rollout(1)
    (name,) = await serving.instances()
    await serving.take_away(name)

    async def back() -> bool:
        await serving.engine.reconcile([live], frozenset())
        return bool(await serving.get() == (200, "hello\n"))

    await eventually_async(back, within=30)


async def test_reconcile_removes_what_nobody_wants_but_not_what_is_busy(serving: Place) -> None:
    await serving.engine.reconcile([], frozenset({serving.app.app_id}))
    assert len(await serving.instances()) == 1
    await serving.engine.reconcile([], frozenset())
    await gone(serving, 1)


async def test_a_suspended_app_answers_503_until_it_is_wanted_again(serving: Place) -> None:
    live = serving.rollout(1)
    suspension = Suspension(app=serving.app, routes=live.unit.routes, notice="suspended\n")
    await serving.engine.suspend(suspension)

    async def silent() -> bool:
        return bool((await serving.get())[0] == 503)

    await eventually_async(silent)
    await serving.engine.reconcile([], frozenset(), [suspension])
    assert (await serving.get())[0] == 503
    assert not [each for each in await serving.engine.status(serving.app) if each.state == "running"]
    await serving.engine.reconcile([live], frozenset())
    await serving.answers("hello\n")


async def test_destroy_leaves_nothing_and_is_no_error_twice(serving: Place) -> None:
    assert len(await serving.engine.in_use(serving.app)) <= 1
    await serving.engine.destroy(serving.app)
    assert await serving.engine.status(serving.app) == []
    assert await serving.engine.in_use(serving.app) == frozenset()

    async def unrouted() -> bool:
        return bool((await serving.get())[0] in {404, 503})

    await eventually_async(unrouted)
    await serving.engine.destroy(serving.app)


async def test_an_unknown_app_has_nothing(place: Place) -> None:
    unknown = AppRef(team="acme", team_id=new_id(), app="nobody", app_id=new_id())
    assert await place.engine.status(unknown) == []
    assert await place.engine.in_use(unknown) == frozenset()
    assert [batch async for batch in place.engine.logs(LogQuery(app=unknown))] == []
    await place.engine.check()


# ---- logs of one instance, and of what is over


async def test_one_instance_is_read_alone_and_one_of_another_app_is_none(serving: Place) -> None:
    (former,) = await serving.instances()
    await serving.roll(serving.rollout(2))
    await gone(serving, 1)
    (present,) = await serving.instances()

    async def all_of_it() -> bool:
        return sorted(await serving.lines()) == ["bye", "listening on 8080", "listening on 8080"]

    await eventually_async(all_of_it)
    assert await serving.lines(instance=former) == ["listening on 8080", "bye"]
    assert await serving.lines(instance=former, tail=1) == ["bye"]
    assert await serving.lines(instance=present) == ["listening on 8080"]
    other = new_app(team_id=serving.app.team_id)
    for app, asked, there in (
        (serving.app, "v2-nobody", f"one of {former}, {present}"),
        (other, present, "loco status"),
    ):
        for follow in (False, True):
            with pytest.raises(NotFound) as caught:
                [batch async for batch in serving.engine.logs(LogQuery(app=app, instance=asked, follow=follow))]
            assert caught.value.hint.startswith(there)


async def end(place: Place, name: str) -> None:
    await place.run_inside(name, "(sleep 0.3; kill 1) > /dev/null 2>&1 &")


async def test_what_is_over_is_what_was_said_before_the_last_restart_and_by_what_has_ended(serving: Place) -> None:
    live = serving.rollout(1)
    (name,) = await serving.instances()
    assert await serving.lines(previous=True) == []
    await end(serving, name)

    async def restarted() -> bool:
        await serving.engine.reconcile([live], frozenset())
        return (await serving.lines())[2:] == ["listening on 8080"]

    await eventually_async(restarted, within=30)
    assert await serving.instances() == [name]
    assert await serving.lines(previous=True) == ["listening on 8080", "bye"]
    assert await serving.lines(previous=True, instance=name, tail=1) == ["bye"]
    (batch,) = await serving.batches(previous=True)
    assert await serving.lines(position=batch.position) == ["listening on 8080"], "the present run stands behind it"
    await serving.roll(serving.rollout(2))
    await gone(serving, 1)

    async def over() -> bool:
        former = await serving.lines(instance=name)
        return former[-1] == "bye" and await serving.lines(previous=True) == former

    await eventually_async(over, within=30)
    (present,) = await serving.instances()
    assert await serving.lines(previous=True, instance=present) == []


async def test_a_run_that_has_ended_is_over_and_read_once_while_the_next_one_waits(serving: Place) -> None:
    live = serving.rollout(1)
    (name,) = await serving.instances()
    await end(serving, name)

    async def restarted() -> bool:
        await serving.engine.reconcile([live], frozenset())
        return (await serving.lines())[2:] == ["listening on 8080"]

    await eventually_async(restarted, within=30)
    await end(serving, name)  # soon after its start: the next run waits for a while

    async def ended() -> bool:
        (status,) = await serving.engine.status(serving.app)
        return status.restarts == 1 and status.state == "stopped"

    await eventually_async(ended, within=30)
    found = [line for batch in await serving.batches() for line in batch.lines]
    assert len({line.at for line in found}) == len(found)
    # A cluster has the last run's log alone by now.
    assert [line.text for line in found] in (["listening on 8080", "bye"], ["listening on 8080", "bye"] * 2)
    assert [line for batch in await serving.batches(previous=True) for line in batch.lines] == found
