"""What the server may do in the cluster, and what no app's namespace may: asked of a real API server."""

import asyncio
import dataclasses
import json
from typing import Any

import pytest

from loco_server.engines.base import AppRef, EngineDownError, StaleAttemptError
from loco_server.engines.kubernetes import names
from loco_server.engines.kubernetes.api import KubernetesApi, RefusedError
from loco_server.engines.kubernetes.applying import Applier
from loco_server.engines.kubernetes.cluster import Cluster
from loco_server.engines.kubernetes.engine import KubernetesEngine
from loco_server.engines.kubernetes.render import Manifests, render
from loco_server.engines.kubernetes.render.workload import release
from loco_server.units import Autoscale, Unit, UnitRoute
from loco_spec.names import new_id
from tests.contract.engines import Told, new_app, owner
from tests.kube.cluster import SERVER, Kube
from tests.kube.samples import LARGE, SMALL, UNITS, rollout

pytestmark = pytest.mark.anyio


def parts(engine: KubernetesEngine) -> tuple[KubernetesApi, Cluster, Applier]:
    return engine._api, engine._cluster, engine._applier


def routed(unit: Unit, host: str) -> Unit:
    return dataclasses.replace(unit, routes=(UnitRoute(host, "/", "http", strip_prefix=False),))


async def applied(
    engine: KubernetesEngine, app: AppRef, unit: Unit, *, deployment: int = 1, attempt: int = 1
) -> Manifests:
    """All of a rollout but the waiting: no pod runs where there is an API server alone."""
    _, cluster, applier = parts(engine)
    given = rollout(unit, app=app, deployment=deployment, attempt=attempt)
    manifests = render(cluster, given)
    await applier.additive(manifests, Told())
    await applier.deployment(given, manifests.deployment)
    for manifest in manifests.exposure:
        await applier.apply(manifest)
    return manifests


def server_says(kube: Kube, manifest: dict[str, Any], *argv: str, verb: str = "create") -> str:
    """What the API answers the server's account, had it every right: what refuses then is a policy."""
    as_server = ("--as", SERVER, "--as-group", "system:masters", "--as-group", "system:authenticated")
    return kube.run(*as_server, verb, "-f", "-", "--dry-run=server", *argv, given=json.dumps(manifest), check=False)


def config_map(namespace: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": namespace}}


@pytest.mark.parametrize("namespace", ["default", "kube-system", "loco-system"])
async def test_the_server_writes_nothing_outside_its_apps_namespaces(kube: Kube, namespace: str) -> None:
    assert "loco-fence" in server_says(kube, config_map(namespace))
    assert "loco-fence" in server_says(kube, dict(config_map(namespace), kind="ServiceAccount"))


async def test_into_a_pod_lead_three_ways_and_in_apps_namespaces_alone(kube: Kube, engine: KubernetesEngine) -> None:
    app = new_app()
    await engine.prepare(app)

    def connected(namespace: str, sub: str) -> str:
        as_server = ("--as", SERVER, "--as-group", "system:masters", "--as-group", "system:authenticated")
        path = f"/api/v1/namespaces/{namespace}/pods/nothing/{sub}?command=true&stdout=true&ports=80"
        return kube.run(*as_server, "get", "--raw", path, check=False)

    for sub in ("exec", "attach", "portforward"):
        assert "not found" in connected(names.namespace(app), sub), "let through, to a pod that is not there"
        assert "loco-fence" in connected("default", sub)
    assert "opens no way into a running pod but" in connected(names.namespace(app), "proxy")


async def test_the_server_writes_nothing_in_a_namespace_that_only_has_the_name(kube: Kube) -> None:
    name = f"loco-app-{new_id()}"
    kube.run("create", "namespace", name)
    try:
        assert "loco-fence" in server_says(kube, config_map(name))
        space = {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": name, "labels": {"loco/managed": "true"}},
        }
        assert "denied" in server_says(kube, space, "--server-side", "--field-manager=loco", verb="apply")
        as_server = ("--as", SERVER, "--as-group", "system:masters")
        assert "denied" in kube.run(*as_server, "delete", "namespace", name, "--dry-run=server", check=False)
    finally:
        kube.run("delete", "namespace", name, "--wait=false")


async def test_the_server_makes_no_other_namespace_and_nothing_of_the_cluster(kube: Kube) -> None:
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other"}}
    assert "loco-fence-cluster" in server_says(kube, space)
    lax = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "loco-app-x", "labels": {"loco/managed": "true"}},
    }
    assert "enforces Pod Security restricted" in server_says(kube, lax)
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "x"}, "rules": []}
    assert "loco-fence-cluster" in server_says(kube, role)


async def test_the_server_reads_no_secret(engine: KubernetesEngine) -> None:
    api, _, _ = parts(engine)
    app = new_app()
    await applied(engine, app, SMALL)
    for path in ("/api/v1/secrets", f"/api/v1/namespaces/{names.namespace(app)}/secrets/pull"):
        with pytest.raises(RefusedError) as refused:
            await api._json("GET", path)
        assert refused.value.status == 403


async def test_labels_of_a_namespace_never_change(kube: Kube, engine: KubernetesEngine) -> None:
    api, cluster, applier = parts(engine)
    app = new_app()
    await applied(engine, app, SMALL)
    manifest = render(cluster, rollout(SMALL, app=app)).namespace
    manifest["metadata"]["labels"]["loco/team-id"] = "another"
    with pytest.raises(RefusedError, match="never change"):
        await applier.apply(manifest)
    del api


async def test_two_apps_of_two_teams_with_one_name_stand_side_by_side(kube: Kube, engine: KubernetesEngine) -> None:
    one, two = new_app("shop", team="acme"), new_app("shop", team="other")
    await asyncio.gather(
        applied(engine, one, routed(SMALL, "one.example.com")), applied(engine, two, routed(SMALL, "two.example.com"))
    )
    for app, host in ((one, "one.example.com"), (two, "two.example.com")):
        found = kube.json("get", "httproutes", "-n", names.namespace(app))["items"]
        assert [each["spec"]["hostnames"] for each in found] == [[host]]


@pytest.mark.parametrize("hijacker_first", [False, True])
async def test_a_host_of_another_is_refused_in_either_order(engine: KubernetesEngine, hijacker_first: bool) -> None:
    api, cluster, applier = parts(engine)
    owned, other = new_app(), new_app(team="other")
    host = f"{new_id()}.example.com"
    await applied(engine, other, routed(SMALL, f"{new_id()}.example.com"))
    stolen = render(cluster, rollout(routed(SMALL, host), app=other)).exposure[-1]

    async def hijack() -> None:
        with pytest.raises(RefusedError, match=f"not allotted to this namespace: {host}"):
            await applier.apply(stolen)
        every = dict(stolen, spec={key: value for key, value in stolen["spec"].items() if key != "hostnames"})
        with pytest.raises(RefusedError, match="names its hosts"):
            await api.apply(every)

    if hijacker_first:
        await hijack()
    await applied(engine, owned, routed(SMALL, host))
    if not hijacker_first:
        await hijack()


async def test_hosts_are_allotted_by_the_server_alone(kube: Kube, engine: KubernetesEngine) -> None:
    app = new_app()
    await applied(engine, app, SMALL)
    kube.run("create", "clusterrolebinding", "loco-tests-editor", "--clusterrole=admin", "--user=editor", check=False)
    kube.run(
        "create",
        "clusterrole",
        "loco-tests-namespaces",
        "--verb=get,patch,update",
        "--resource=namespaces",
        check=False,
    )
    kube.run(
        "create",
        "clusterrolebinding",
        "loco-tests-ns",
        "--clusterrole=loco-tests-namespaces",
        "--user=editor",
        check=False,
    )
    said = kube.run(
        *(
            "--as",
            "editor",
            "annotate",
            "namespace",
            names.namespace(app),
            "loco/hosts=bank.example.com",
            "--overwrite",
        ),
        check=False,
    )
    assert "only loco-server allots hosts" in said
    allowed = kube.run("--as", "editor", "annotate", "namespace", names.namespace(app), "note=x", check=False)
    assert "annotated" in allowed


@pytest.mark.parametrize("name", sorted(UNITS))
async def test_pod_security_restricted_takes_every_pod(kube: Kube, engine: KubernetesEngine, name: str) -> None:
    _, cluster, _ = parts(engine)
    app = new_app()
    manifests = await applied(engine, app, UNITS[name])
    given = rollout(UNITS[name], app=app)
    job = release(cluster, given, ("x",), env_secret="x", timeout_seconds=9)
    for template in (manifests.deployment["spec"]["template"], job["spec"]["template"]):
        # A numeric user is the gate's to see where the unit sets none.
        pod = {"apiVersion": "v1", "kind": "Pod", **template, "metadata": {**template["metadata"], "name": "x"}}
        space = names.namespace(app)
        said = kube.run("create", "-n", space, "--dry-run=server", "-f", "-", given=json.dumps(pod))
        assert "Warning" not in said
        pod["spec"] = {**template["spec"], "hostNetwork": True}
        said = kube.run("create", "-n", space, "--dry-run=server", "-f", "-", given=json.dumps(pod), check=False)
        assert 'violates PodSecurity "restricted' in said


async def test_turning_autoscaling_on_keeps_the_replicas(kube: Kube, engine: KubernetesEngine) -> None:
    app = new_app()
    fixed = dataclasses.replace(SMALL, replicas=10)
    await applied(engine, app, fixed)
    scaled = dataclasses.replace(SMALL, replicas=2, autoscale=Autoscale(most=20, cpu_percent=70))
    for deployment in (2, 3):
        await applied(engine, app, scaled, deployment=deployment)
        found = kube.json("get", "deployment", "web", "-n", names.namespace(app))
        assert found["spec"]["replicas"] == 10
    await applied(engine, app, dataclasses.replace(SMALL, replicas=11), deployment=4)
    assert kube.json("get", "deployment", "web", "-n", names.namespace(app))["spec"]["replicas"] == 11


async def test_a_field_that_somebody_took_is_taken_back_and_told(kube: Kube, engine: KubernetesEngine) -> None:
    app, told = new_app(), Told()
    _, cluster, applier = parts(engine)
    await applied(engine, app, LARGE)
    service = next(each for each in render(cluster, rollout(LARGE, app=app)).exposure if each["kind"] == "Service")
    other = {**service, "spec": {"ports": [{**service["spec"]["ports"][0], "targetPort": "side"}]}}
    space = names.namespace(app)
    kube.run(
        *("apply", "--server-side", "--force-conflicts", "--field-manager=ann", "-n", space, "-f", "-"),
        given=json.dumps(other),
    )
    await applier.apply(service, told)
    assert any('conflict with "ann"' in line for line in told.lines)
    found = kube.json("get", "service", "shop", "-n", space)
    assert found["spec"]["ports"][0]["targetPort"] == "http"


async def test_an_earlier_attempt_changes_nothing_after_a_later_one(kube: Kube, engine: KubernetesEngine) -> None:
    app = new_app()
    await applied(engine, app, SMALL, attempt=3)
    with pytest.raises(StaleAttemptError):
        await engine.roll(rollout(SMALL, app=app, deployment=1, attempt=2), emit=Told(), guard=owner)
    found = kube.json("get", "deployment", "web", "-n", names.namespace(app))
    assert found["metadata"]["annotations"]["loco/attempt"] == "3"


async def test_what_is_there_already_is_applied_again_without_a_word(engine: KubernetesEngine) -> None:
    app = new_app()
    for _ in range(2):
        await engine.prepare(app)
        await applied(engine, app, LARGE)


async def test_a_cluster_without_the_gateway_api_is_told_so(engine: KubernetesEngine) -> None:
    await engine.check()
    api, _, _ = parts(engine)

    async def none(_: Any) -> bool:
        return False

    api.serves = none  # type: ignore[method-assign, assignment]
    with pytest.raises(EngineDownError, match="Gateway API"):
        await engine.check()


@pytest.mark.parametrize("name", sorted(UNITS))
async def test_what_is_so_is_not_mended(engine: KubernetesEngine, name: str, caplog: pytest.LogCaptureFixture) -> None:
    app = new_app()
    given = rollout(UNITS[name], app=app, deployment=1)
    manifests = await applied(engine, app, UNITS[name])
    await parts(engine)[2].set_live(given, manifests.deployment)
    await parts(engine)[2].exact(manifests)
    with caplog.at_level("INFO", logger="loco.engine"):
        await engine.reconcile([given], frozenset())
    assert not [each.getMessage() for each in caplog.records if "was mended" in each.getMessage()]
