"""Why a rollout failed, found out on a real engine: each cause is produced, and its whole screen compared.

All of them are rolled at once: what takes time is waiting for graces to end.
"""

import asyncio
import dataclasses
import re
from collections.abc import Iterator
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import docker
import pytest

from loco_cli.ui import errors
from loco_server.edge.base import EdgeApp, EdgeRejectedError
from loco_server.engines.base import PullCredential, Rollout, RolloutFailedError
from loco_server.engines.docker import images as engine_images
from loco_server.engines.docker.engine import DockerEngine
from loco_server.rollouts import failures
from loco_spec.errors import Diagnosis
from loco_spec.names import new_id
from tests import images
from tests.contract import causes
from tests.contract.causes import CASES, sh
from tests.contract.engines import MemoryEdge, MemoryKeeper, Told, new_app, owner, rollout, unit
from tests.golden import compared
from tests.loco_cli.samples import deployment
from tests.private_registry import PASSWORD, USER, PrivateRegistry, private_registry
from tests.waiting import eventually_async

pytestmark = [pytest.mark.engine]

SUBNETS = IPv4Network("10.204.0.0/18")
OTHER = IPv4Network("10.204.64.0/18")
TINY = IPv4Network("10.204.254.0/24")
AT_ONCE = 6
GOLDEN = Path(__file__).parent / "screens"
REST = {
    "probe-tls": "probe-tls",
    "user-missing": "user-missing",
    "registry-away": "registry-away",
    "pull-refused": "pull-refused",
    "image-gone": "image-gone",
    "image-without-digest": "image-gone",
    "pull-timeout": "pull-timeout",
    "edge-rejected": "edge-rejected",
    "no-room": "no-room",
    "release-failed": "release-failed",
    "release-timeout": "release-timeout",
    "release-unknown": "release-unknown",
    "release-command-not-found": "command-not-found",
    "crash-loop": "crash-loop",
    "stuck-drain": "stuck-drain",
}
ALL = {name: cause for name, (cause, _) in CASES.items()} | REST


class PickyEdge(MemoryEdge):
    async def publish(self, app: EdgeApp) -> None:
        if app.app_id in self.refused:
            raise EdgeRejectedError("envoy rejected the update: duplicate domain shop.localhost")
        await super().publish(app)

    refused: frozenset[str] = frozenset()


class Clinic:
    """One engine, on which everything is rolled at once; each app fails in a way of its own."""

    def __init__(self, client: docker.DockerClient, registry: PrivateRegistry) -> None:
        self.client = client
        self.registry = registry
        self.edge = PickyEdge()
        self.team_id = new_id()
        self.image = causes.image(client)
        self.engine = self._made(SUBNETS)
        self.places = asyncio.Semaphore(AT_ONCE)

    def _made(self, subnets: IPv4Network) -> DockerEngine:
        return DockerEngine(
            installation=new_id(),
            edge=self.edge if subnets == SUBNETS else MemoryEdge(),
            keeper=MemoryKeeper(),
            subnets=subnets,
            data_dir=Path("/nowhere"),
        )

    def rollout(self, number: int = 2, *, timeout_seconds: float = 30, app: Any = None, **changes: Any) -> Rollout:
        given = unit(**{"image": self.image, "cpu_millis": 2000, **changes})
        app = app or new_app(team_id=self.team_id)
        return rollout(app, number, given, timeout_seconds=timeout_seconds)

    async def all(self) -> dict[str, Diagnosis | BaseException]:
        await self.engine.prepare(new_app(team_id=self.team_id))
        try:
            work = {name: self.fails(self.rollout(**changes)) for name, (_, changes) in CASES.items()}
            work |= {name: getattr(self, name.replace("-", "_"))() for name in REST}
            found = await asyncio.gather(*map(self._placed, work.values()), return_exceptions=True)
            return dict(zip(work, found, strict=True))
        finally:
            await self.engine.remove_all()
            await self.engine.close()

    async def _placed(self, work: Any) -> Diagnosis:
        async with self.places:
            found: Diagnosis = await work
            return found

    async def fails(self, wanted: Rollout) -> Diagnosis:
        try:
            await self.engine.roll(wanted, emit=Told(), guard=owner)
        except RolloutFailedError as failed:
            return failed.diagnosis
        raise AssertionError(f"it did not fail: {wanted.unit}")

    # ---- what needs more than another unit

    async def probe_tls(self) -> Diagnosis:
        image = await asyncio.to_thread(causes.tls_image, self.client)
        return await self.fails(self.rollout(image=image, command=causes.TLS, probe=causes.asks("/", grace=2)))

    async def user_missing(self) -> Diagnosis:
        dockerfile = "FROM loco-test/base:1\nUSER nobody-here\nCMD sleep 9\n"
        image = await asyncio.to_thread(images.build, self.client, dockerfile)
        return await self.fails(self.rollout(image=image))

    async def registry_away(self) -> Diagnosis:
        return await self.fails(self.rollout(image=f"127.0.0.1:9/acme/shop@sha256:{'0' * 64}"))

    def _of_registry(self, password: str) -> Rollout:
        wanted = self.rollout(image=f"{self.registry.host}/acme/shop@sha256:{'0' * 64}")
        return dataclasses.replace(wanted, pull=PullCredential(self.registry.host, USER, password))

    async def pull_refused(self) -> Diagnosis:
        return await self.fails(self._of_registry("wrong"))

    async def image_gone(self) -> Diagnosis:
        return await self.fails(self._of_registry(PASSWORD))

    async def image_without_digest(self) -> Diagnosis:
        return await self.fails(self.rollout(image="acme/nothing:1"))

    async def pull_timeout(self) -> Diagnosis:
        over = asyncio.Event()

        async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await over.wait()
            writer.close()
            await writer.wait_closed()

        server = await asyncio.start_server(silent, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        try:
            image = f"127.0.0.1:{port}/acme/shop@sha256:{'0' * 64}"
            return await self.fails(self.rollout(image=image, timeout_seconds=1))
        finally:
            server.close()
            over.set()
            await server.wait_closed()
            await asyncio.sleep(0)

    async def edge_rejected(self) -> Diagnosis:
        wanted = self.rollout()
        self.edge.refused |= {wanted.app.app_id}
        return await self.fails(wanted)

    async def no_room(self) -> Diagnosis:
        """Another installation has the only subnet."""
        first, second = self._made(TINY), self._made(TINY)
        try:
            await first.prepare(new_app())
            with pytest.raises(RolloutFailedError) as failed:
                await second.roll(self.rollout(app=new_app(team="other")), emit=Told(), guard=owner)
            return failed.value.diagnosis
        finally:
            for engine in (first, second):
                await engine.remove_all()
                await engine.close()

    async def _release(self, command: tuple[str, ...], limit: float = 20, *, gone: bool = False) -> Diagnosis:
        wanted = self.rollout()
        running = asyncio.create_task(
            self.engine.release(wanted, command, timeout_seconds=limit, emit=Told(), guard=owner)
        )
        if gone:
            name = f"loco-{wanted.app.app_id}-v2-release"

            async def runs() -> bool:
                found = self.client.containers.list(filters={"name": name})
                for each in found:
                    each.remove(force=True)
                return bool(found)

            await eventually_async(runs)
        try:
            return failures.release_failed(command, await running, 1.0)
        except RolloutFailedError as failed:
            return failed.diagnosis

    async def release_failed(self) -> Diagnosis:
        return await self._release(sh("echo migrating; exit 5"))

    async def release_timeout(self) -> Diagnosis:
        return await self._release(sh("echo on it; sleep 60"), 0.5)

    async def release_unknown(self) -> Diagnosis:
        return await self._release(sh("sleep 60"), gone=True)

    async def release_command_not_found(self) -> Diagnosis:
        return await self._release(("python", "manage.py", "migrate"))

    async def crash_loop(self) -> Diagnosis:
        """It answers, is taken live, and ends soon after; again and again."""
        crashing = sh("httpd -p 8080 -h /www; echo serving; sleep 0.5; echo 'lost the database'; exit 4")
        live, engine = self.rollout(command=crashing, app=new_app()), self._made(OTHER)

        async def told() -> Diagnosis | None:
            await engine.reconcile([live], frozenset())
            (status,) = await engine.status(live.app)
            return status.diagnosis

        try:
            await engine.roll(live, emit=Told(), guard=owner)
            found = await eventually_async(told, within=30, every=0.2)
            assert found is not None
            return found
        finally:
            await engine.remove_all()
            await engine.close()

    async def stuck_drain(self) -> Diagnosis:
        deaf = self.rollout(
            1, command=sh("trap '' TERM; httpd -p 8080 -h /www; while :; do sleep 1; done"), drain_seconds=1
        )
        await self.engine.roll(deaf, emit=Told(), guard=owner)
        found = await self.engine.roll(self.rollout(app=deaf.app), emit=Told(), guard=owner)
        assert found is not None
        return found


@pytest.fixture(scope="module")
def found(docker_client: docker.DockerClient) -> Iterator[dict[str, Diagnosis | BaseException]]:
    with private_registry(signed_in=True) as registry, pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine_images, "AWAY_SECONDS", 1.0)
        yield asyncio.run(Clinic(docker_client, registry).all())


def screen(diagnosis: Diagnosis) -> str:
    """The whole of it at 80 columns, without what differs from run to run."""
    total = None if diagnosis.total is None else 2.0
    text = diagnosis.model_copy(update={"seconds": 1.0, "total": total}).model_dump_json()
    text = re.sub(r"10\.204\.\d+\.\d+\b(?!/)", "10.204.0.2", text)
    text = re.sub(r"127\.0\.0\.1:\d{5}", "127.0.0.1:5000", text)
    text = re.sub(r"restarts: \d+", "restarts: 2", text)
    text = re.sub(r"team [a-z0-9]{10}", "team acme", text)
    shown = Diagnosis.model_validate_json(text)
    if shown.cause in {"crash-loop", "stuck-drain"}:
        lines = errors.told(deployment("live", 2), shown, 80)
    else:
        lines = errors.lines(errors.never_served(deployment("failed", 2, reason=shown.message, diagnosis=shown)), 80)
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", sorted(ALL))
def test_each_cause_is_told_with_its_exact_screen(
    found: dict[str, Diagnosis | BaseException], name: str, request: pytest.FixtureRequest
) -> None:
    diagnosis = found[name]
    if isinstance(diagnosis, BaseException):
        raise diagnosis
    shown = screen(diagnosis)
    assert diagnosis.cause == ALL[name], shown
    compared(request, GOLDEN / f"{name}.txt", shown)
    assert "\x1b" not in shown
    for secret in ("a-pull-ticket", PASSWORD):
        assert secret not in diagnosis.model_dump_json()


def test_no_screen_is_kept_that_nothing_produces() -> None:
    assert sorted(path.stem for path in GOLDEN.iterdir()) == sorted(ALL)


def test_at_least_thirty_causes_are_produced() -> None:
    assert len(set(ALL.values())) >= 30


def test_the_seconds_are_those_of_the_phase(found: dict[str, Any]) -> None:
    for name, each in found.items():
        if each.total is not None:
            assert 0 <= each.seconds <= each.total + 0.1, name
    assert 0.5 < found["wrong-port"].seconds < 6
