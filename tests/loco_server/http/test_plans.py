"""Plans over the API: what would change, what deploy would refuse, and that nothing is written."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from loco_server.engines.base import CapacityError
from loco_server.flows import plans
from loco_server.flows.quotas import ManageQuotas
from loco_server.identity_settings import IdentitySettings
from loco_server.policy.permissions import CAN, ROLES, Permission
from loco_server.records.suspensions import Suspensions
from loco_spec.changes import Plan
from loco_spec.errors import ConfigError, LocoError, NotAllowed, UsageError, from_problem
from loco_spec.kinds.service import Service
from tests.loco_server.http.api import Api, create, created, live, refused, running
from tests.loco_server.http.test_walk import anyio_backend, template, there
from tests.loco_server.http.world import World
from tests.loco_server.records.databases import DIGEST, Records

__all__ = ["anyio_backend", "template", "there"]  # fixtures

pytestmark = pytest.mark.anyio

OTHER = "sha256:" + "d" * 64


async def plan(
    client: httpx.AsyncClient, team: str = "ann", app: str = "shop", spec: dict[str, Any] | None = None, **more: Any
) -> Plan:
    body = {"spec": Service.model_validate({"name": app, **(spec or {})}).model_dump(mode="json"), **more}
    answer = await client.post(f"/v1/teams/{team}/apps/{app}/plan", json=body)
    assert answer.status_code == 200, answer.text
    return Plan.model_validate(answer.json())


def told(found: Plan) -> list[tuple[str, str | None, str | None]]:
    return [(change.field, change.before, change.after) for change in found.changes]


def reasons(found: Plan) -> list[LocoError]:
    return [from_problem(problem, status=500) for problem in found.refused]


async def digests(client: httpx.AsyncClient) -> dict[str, str]:
    answer = await client.get("/v1/teams/ann/apps/shop/variables")
    return {item["name"]: item["digest"] for item in answer.json()["variables"]}


async def set_variables(client: httpx.AsyncClient, **body: Any) -> None:
    answer = await client.post("/v1/teams/ann/apps/shop/variables", json={**body, "stage": True})
    assert answer.status_code == 200, answer.text


async def test_what_is_live_as_it_would_be_changes_nothing_and_the_engine_is_not_asked(
    server: Api, ann: httpx.AsyncClient
) -> None:
    await live(server, ann, spec={"port": 9000})
    found = await plan(ann, spec={"port": 9000}, digest=DIGEST)
    assert found == Plan(team="ann", app="shop", live=1, unchanged=True, quotas=found.quotas)
    assert server.engine.tried == []


async def test_fields_the_image_and_variables_are_told_against_what_is_live(
    server: Api, ann: httpx.AsyncClient
) -> None:
    await set_variables(ann, set={"KEPT": "1", "OLD": "2", "KEY": "sesame"})
    await live(server, ann, spec={"port": 9000, "env": {"LOG_LEVEL": "info"}})
    before = await digests(ann)
    await set_variables(ann, set={"KEY": "open"}, unset=["OLD"])
    after = await digests(ann)
    found = await plan(ann, spec={"port": 9001, "env": {"LOG_LEVEL": "debug"}, "scale": {"replicas": 2}}, digest=OTHER)
    assert told(found) == [
        ("digest", DIGEST, OTHER),
        ("port", "9000", "9001"),
        ("scale.replicas", None, "2"),
        ("env.LOG_LEVEL", "info", "debug"),
        ("variables.KEY", before["KEY"], after["KEY"]),
        ("variables.OLD", before["OLD"], None),
    ]
    assert before["KEY"] != after["KEY"]
    assert (found.live, found.unchanged, found.refused) == (1, False, ())


async def test_the_engine_is_shown_what_would_run_without_a_value_of_a_variable(
    server: Api, ann: httpx.AsyncClient
) -> None:
    await set_variables(ann, set={"KEY": "sesame"})
    await live(server, ann)
    server.engine.says = ("it has doubts",)
    found = await plan(ann, spec={"command": ["serve"], "env": {"PLAIN": "1"}})
    assert found.engine == ("it has doubts",)
    [tried] = server.engine.tried
    env = dict(tried.unit.env)
    assert (tried.deployment, tried.unit.command, env["KEY"], env["PLAIN"]) == (2, ("serve",), "", "1")
    assert tried.unit.image.endswith(f"@{DIGEST}")
    assert told(found)[0] == ("digest", DIGEST, "built anew")


async def test_an_app_that_is_not_there_is_all_new(server: Api, ann: httpx.AsyncClient) -> None:
    found = await plan(ann)
    assert (found.live, found.unchanged, found.notes) == (None, False, ("team ann has no app shop yet",))
    assert ("name", None, "shop") in told(found)
    [tried] = server.engine.tried
    assert (tried.deployment, tried.unit.user) == (1, 10001)
    assert await server.records.apps.all() == []


async def test_what_the_team_would_have_of_its_quotas_is_told_with_the_app_apart(
    server: Api, ann: httpx.AsyncClient
) -> None:
    await live(server, ann, spec={"resources": {"cpu": "1"}, "scale": {"replicas": 3}})
    found = await plan(ann, spec={"resources": {"cpu": "2"}, "scale": {"replicas": 2}}, context_bytes=5)
    own = {each.name: (each.used, each.needed) for each in found.quotas}
    assert own == {
        "cpu": (0, 4000),
        "memory": (0, 512 << 20),
        "replicas": (0, 2),
        "apps": (0, 1),
        "deployments_per_hour": (1, 1),
        "context": (0, 5),
    }
    others = {each.name: (each.used, each.limit) for each in (await plan(ann, app="other")).quotas}
    assert (others["cpu"], others["apps"]) == ((3000, 32000), (1, 100))


async def test_what_comes_meanwhile_is_named_and_not_what_is_compared_with(server: Api, ann: httpx.AsyncClient) -> None:
    await live(server, ann)
    answer = await ann.post("/v1/teams/ann/apps/shop/redeploy")
    assert answer.status_code == 201
    found = await plan(ann, digest=DIGEST)
    assert (found.live, found.unchanged) == (1, True)
    assert found.notes == ("v2 by ann is accepted, and not what this is compared with",)


async def test_a_default_host_that_is_taken_is_told_as_deploy_tells_it(server: Api, ann: httpx.AsyncClient) -> None:
    bob = await server.client("bob")
    await live(server, bob, "bob", "shop")
    found = await plan(ann)
    assert 'host "shop" is taken, the app answers at shop-ann' in found.notes
    assert "routes[shop-ann.localhost/].port" in {change.field for change in found.changes}
    assert found.refused == ()


async def _host_taken(server: Api, _: httpx.AsyncClient) -> None:
    bob = await server.client("bob")
    await live(server, bob, "bob", "other", spec={"routes": [{"host": "taken"}]})


async def _quota(server: Api, _: httpx.AsyncClient) -> None:
    await ManageQuotas(limits=server.settings.limits, quotas=server.records.quotas).change("ann", ["replicas=1"])


async def _hour(server: Api, ann: httpx.AsyncClient) -> None:
    await created(ann)
    await ManageQuotas(limits=server.settings.limits, quotas=server.records.quotas).change(
        "ann", ["deployments-per-hour=1"]
    )


async def _context(server: Api, _: httpx.AsyncClient) -> None:
    await ManageQuotas(limits=server.settings.limits, quotas=server.records.quotas).change("ann", ["context=10"])


async def _full(server: Api, _: httpx.AsyncClient) -> None:
    server.free = 1


async def _capacity(server: Api, _: httpx.AsyncClient) -> None:
    server.engine.capacity = CapacityError("no subnet is left")


async def _only_ci(server: Api, ann: httpx.AsyncClient) -> None:
    await live(server, ann)
    [app] = await server.records.apps.all()
    await server.records.apps.set_source(app.id, "ci", ())


async def _destroying(server: Api, ann: httpx.AsyncClient) -> None:
    await live(server, ann)
    [app] = await server.records.apps.all()
    await server.records.apps.mark_destroying(app.id)


async def _suspended(server: Api, ann: httpx.AsyncClient, kind: Any = "app", name: str = "ann/shop") -> None:
    await live(server, ann)
    suspensions = Suspensions(server.records.database)
    subject = await suspensions.find(kind, name)
    assert subject is not None
    await suspensions.set(subject, "mines coins")


async def _team_suspended(server: Api, ann: httpx.AsyncClient) -> None:
    await _suspended(server, ann, "team", "ann")


TWO = {"scale": {"replicas": 2}}


@pytest.mark.parametrize(
    ("arrange", "spec"),
    [
        (_host_taken, {"routes": [{"host": "taken"}]}),
        (_quota, TWO),
        (_hour, TWO),
        (_context, {}),
        (_full, {}),
        (_capacity, {}),
        (_only_ci, TWO),
        (_destroying, TWO),
        (_suspended, TWO),
        (_team_suspended, TWO),
    ],
)
async def test_what_deploy_would_refuse_is_told_in_the_same_words(
    server: Api,
    ann: httpx.AsyncClient,
    arrange: Callable[[Api, httpx.AsyncClient], Awaitable[None]],
    spec: dict[str, Any],
) -> None:
    await arrange(server, ann)
    found = reasons(await plan(ann, spec=spec, context_bytes=100))
    said = refused(await create(ann, spec=spec, context_bytes=100))
    assert (type(said), said.message, said.hint) in [(type(e), e.message, e.hint) for e in found]
    assert len(found) == 1


async def test_a_host_of_the_platforms_and_an_image_from_elsewhere_are_refused_at_once(
    records: Records, tmp_path: Path
) -> None:
    identity = IdentitySettings(allowed_images=("ghcr.io/acme",))
    async with running(records, tmp_path, domain="example.com", identity=identity) as server:
        ann = await server.client("ann")
        spec = {"image": "docker.io/library/busybox", "routes": [{"host": "api.example.com"}]}
        found = reasons(await plan(ann, spec=spec))
        assert len(found) == 2
        assert isinstance(found[1], ConfigError)
        assert found[1].fields[0].path == "routes[0].host"
        assert server.engine.tried == []


async def test_forced_it_is_judged_and_tried_although_nothing_changes(server: Api, ann: httpx.AsyncClient) -> None:
    await live(server, ann)
    await ManageQuotas(limits=server.settings.limits, quotas=server.records.quotas).change(
        "ann", ["deployments-per-hour=1"]
    )
    assert (await plan(ann, digest=DIGEST)).refused == ()
    assert len((await plan(ann, digest=DIGEST, force=True)).refused) == 1


async def test_an_engine_that_is_silent_or_away_is_one_reason_among_others(
    server: Api, ann: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.engine.down = 1
    [away] = reasons(await plan(ann))
    assert (away.code, away.message) == ("engine-unavailable", "the engine is down")
    server.engine.down = 0
    monkeypatch.setattr(plans, "ENGINE_SECONDS", 0.0)
    [silent] = reasons(await plan(ann))
    assert silent.message == "the engine gave no answer within 0 s"


async def test_a_spec_for_another_address_is_no_plan(server: Api, ann: httpx.AsyncClient) -> None:
    del server
    answer = await ann.post("/v1/teams/ann/apps/shop/plan", json={"spec": {"name": "other"}})
    assert isinstance(refused(answer), UsageError)


def test_whoever_may_look_at_an_app_may_see_the_digests_that_a_plan_has() -> None:
    for may in (*ROLES.values(), *CAN.values()):
        assert (Permission.APP_READ in may) <= (Permission.VARIABLES_READ in may)


@pytest.mark.parametrize("actor", ["vic", "can-read"])
async def test_whoever_may_look_sees_what_would_change_and_that_they_may_not_deploy(there: World, actor: str) -> None:
    body = {"spec": {"name": "shop", "routes": [{"host": "shop-acme"}], "scale": {"min": 2}}, "digest": DIGEST}
    answer = await there.ask(actor, "POST", "/v1/teams/acme/apps/shop/plan", body)
    found = Plan.model_validate(answer.json())
    assert told(found) == [("scale.min", None, "2")]
    [said] = reasons(found)
    denied = refused(await there.ask(actor, "POST", "/v1/teams/acme/apps/shop/deployments", body))
    assert isinstance(said, NotAllowed)
    assert said.message == denied.message
    assert there.server.engine.tried == []


async def test_a_stopped_app_says_that_a_deployment_starts_it_and_is_not_started_by_a_plan(
    server: Api, ann: httpx.AsyncClient
) -> None:
    await live(server, ann)
    [app] = await server.records.apps.all()
    assert await server.records.uses.stop(app.id, datetime.now(UTC), "nobody uses it", lambda _: True)
    found = await plan(ann, digest=DIGEST)
    assert "a deployment starts it again" in found.notes[0]
    assert found.refused == ()
    stopped_app = await server.records.apps.by_id(app.id)
    assert stopped_app is not None
    assert stopped_app.unused


@pytest.mark.parametrize("actor", ["olga", "dora", "vic", "can-read", "can-deploy", "of-the-app"])
async def test_a_plan_writes_nothing(there: World, actor: str) -> None:
    there.server.engine.says = ("doubts",)
    before = await there.rows()
    for app, spec in (("shop", {"scale": {"min": 2}}), ("shop", {"routes": [{"host": "shop-other"}]}), ("new", {})):
        for more in ({}, {"digest": DIGEST}, {"force": True}):
            body = {"spec": {"name": app, **spec}, **more}
            answer = await there.ask(actor, "POST", f"/v1/teams/acme/apps/{app}/plan", body)
            assert answer.status_code == (404 if actor == "of-the-app" and app == "new" else 200)
    assert await there.rows() == before
