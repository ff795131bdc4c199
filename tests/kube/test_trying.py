"""Rollouts that are only thought of, on a real API: its own words, with the rights of the server, and nothing made."""

import dataclasses
import json

import pytest

from loco_server.engines.base import AppRef, Rollout
from loco_server.engines.kubernetes import names
from loco_server.engines.kubernetes.engine import KubernetesEngine
from loco_server.engines.kubernetes.render import render
from loco_server.units import UnitRoute
from tests.contract.engines import new_app
from tests.kube.cluster import Kube
from tests.kube.samples import LARGE, SMALL, rollout

pytestmark = pytest.mark.anyio

KINDS = "deployments,services,secrets,serviceaccounts,networkpolicies,resourcequotas,limitranges,httproutes,hpa,pdb"


def of(app: AppRef, **changes: object) -> Rollout:
    """An app with two ports, at a host of its own."""
    routes = (UnitRoute(f"{app.app_id}.example.com", "/", "http", strip_prefix=False),)
    return rollout(dataclasses.replace(LARGE, routes=routes, **changes), app=app)  # type: ignore[arg-type]


def everything(kube: Kube, app: AppRef) -> dict[str, str]:
    """Each object of the app with its version."""
    found = kube.json("get", KINDS, "-n", names.namespace(app))["items"]
    found.append(kube.json("get", "namespace", names.namespace(app)))
    return {f"{each['kind']} {each['metadata']['name']}": each["metadata"]["resourceVersion"] for each in found}


def hosted(kube: Kube, engine: KubernetesEngine, wanted: Rollout) -> None:
    """Let the namespace be allotted the hosts, as a rollout does at its beginning."""
    text = json.dumps(render(engine._cluster, wanted).namespace)
    kube.run("apply", "--server-side", "--field-manager=loco", "-f", "-", given=text)


async def test_a_namespace_that_is_not_there_is_tried_and_not_made(kube: Kube, engine: KubernetesEngine) -> None:
    app = new_app()
    space = names.namespace(app)
    assert await engine.dry_run(of(app)) == (
        f"namespace {space} is not there yet: only itself could be tried, and nothing in it",
    )
    assert "NotFound" in kube.run("get", "namespace", space, check=False)


async def test_a_rollout_that_the_api_takes_is_told_nothing_of_and_nothing_of_it_is_there(
    kube: Kube, engine: KubernetesEngine
) -> None:
    app = new_app()
    await engine.prepare(app)
    before = everything(kube, app)
    host = f"{app.app_id}.example.com"
    assert await engine.dry_run(of(app)) == (f"HTTPRoute {host}: {host} is new here, and could not be tried",)
    assert everything(kube, app) == before
    hosted(kube, engine, of(app))
    before = everything(kube, app)
    assert await engine.dry_run(of(app)) == ()
    assert everything(kube, app) == before


async def test_pod_security_and_validation_are_told_in_the_words_of_the_api(
    kube: Kube, engine: KubernetesEngine
) -> None:
    app = new_app()
    await engine.prepare(app)
    hosted(kube, engine, of(app))
    before = everything(kube, app)
    [said] = await engine.dry_run(of(app, user=0))
    assert said.startswith('Deployment web: would violate PodSecurity "restricted:v1.33"')
    assert "runAsUser=0" in said
    ports = (*LARGE.ports[:-1], dataclasses.replace(LARGE.ports[-1], name="no_name"))
    found = await engine.dry_run(of(app, ports=ports))
    assert any(each.startswith("Deployment web would be refused: Deployment.apps") for each in found)
    assert everything(kube, app) == before


async def test_who_else_holds_a_field_is_told_and_keeps_it(kube: Kube, engine: KubernetesEngine) -> None:
    app = new_app()
    await engine.prepare(app)
    hosted(kube, engine, of(app))
    another = render(engine._cluster, of(app, command=("another",))).deployment
    kube.run("apply", "--server-side", "--field-manager=somebody", "-f", "-", given=json.dumps(another))
    before = everything(kube, app)
    found = [each for each in await engine.dry_run(of(app)) if "somebody" in each]
    assert found
    assert all(each.startswith("Deployment web: conflict with") for each in found)
    assert all(each.endswith("; would be taken back") for each in found)
    assert everything(kube, app) == before


async def test_no_value_of_a_variable_is_in_what_is_told(kube: Kube, engine: KubernetesEngine) -> None:
    app = new_app()
    await engine.prepare(app)
    wanted = dataclasses.replace(SMALL, env=(("API_KEY", "sesame"), ("bad name", "sesame")), routes=())
    found = await engine.dry_run(rollout(wanted, app=app))
    assert any("Secret env-v12" in each and "would be refused" in each for each in found)
    assert "sesame" not in str(found)
    assert "c2VzYW1l" not in str(found)
    del kube
