"""What is applied, seen whole: golden files, and the published schemas."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from loco_server.engines.attached import Start
from loco_server.engines.kubernetes import names
from loco_server.engines.kubernetes.cluster import Cluster
from loco_server.engines.kubernetes.render import render
from loco_server.engines.kubernetes.render.one_off import one_off
from loco_server.engines.kubernetes.render.workload import release
from loco_server.units import Unit
from tests.golden import compared
from tests.kube.samples import APP, CLUSTER, LARGE, SMALL, UNITS, rollout
from tests.kube.schemas import validate

GOLDEN = Path(__file__).with_name("golden")


def everything(unit: Unit, cluster: Cluster = CLUSTER) -> list[dict[str, Any]]:
    found = rollout(unit)
    manifests = render(cluster, found)
    env = manifests.env["metadata"]["name"]
    return [*manifests.everything, release(cluster, found, ("migrate",), env_secret=env, timeout_seconds=600)]


@pytest.mark.parametrize("name", sorted(UNITS))
def test_the_manifests_are_those_that_were_agreed_on(name: str, request: pytest.FixtureRequest) -> None:
    shown = yaml.safe_dump_all(json.loads(json.dumps(everything(UNITS[name]))), sort_keys=True, width=120)
    compared(request, GOLDEN / f"{name}.yaml", shown)


def test_a_one_off_job_is_valid_and_found_by_nothing_that_looks_for_instances() -> None:
    found = rollout(SMALL)
    for gated, tty in ((True, True), (False, False)):
        job = one_off(CLUSTER, found, Start(("x", "$y"), tty=tty), "run-abc", env_secret="env", gated=gated)
        validate(job)
        pod = job["spec"]["template"]
        for labels in (job["metadata"]["labels"], pod["metadata"]["labels"]):
            assert labels.keys() & {names.APP_ID, names.INSTALLATION, names.DEPLOYMENT} == set()
        [container] = pod["spec"]["containers"]
        assert (container["stdin"], container["tty"]) == (gated, tty)
        assert container["args"][-2:] == ["x", "$$y"]


@pytest.mark.parametrize("name", sorted(UNITS))
@pytest.mark.parametrize("user_namespaces", [False, True])
def test_every_manifest_is_valid_in_every_supported_version(name: str, user_namespaces: bool) -> None:
    for manifest in everything(UNITS[name], dataclasses.replace(CLUSTER, user_namespaces=user_namespaces)):
        validate(manifest)


def test_a_field_that_nobody_knows_is_refused_by_the_schemas() -> None:
    for manifest in everything(LARGE):
        if manifest["kind"] in {"Deployment", "HTTPRoute", "Service"}:
            with pytest.raises(Exception, match="nobodyKnows"):
                validate(manifest | {"spec": manifest["spec"] | {"nobodyKnows": 1}})


def by_kind(unit: Unit, kind: str) -> list[dict[str, Any]]:
    return [each for each in everything(unit) if each["kind"] == kind]


def test_a_value_of_a_variable_stands_in_a_secret_alone() -> None:
    unit = dataclasses.replace(SMALL, env=(("PASSWORD", "sesame"),))
    (secret,) = [each for each in by_kind(unit, "Secret") if each["metadata"]["name"].startswith("env-")]
    others = [each for each in everything(unit) if each is not secret and each["kind"] != "Secret"]
    assert "sesame" not in json.dumps(others)
    assert secret["immutable"] is True


def test_another_value_is_another_secret_and_a_name_does_not_tell_the_value() -> None:
    names = set()
    for env, password in (("a", "one"), ("b", "one"), ("a", "two")):
        found = rollout(dataclasses.replace(SMALL, env=(("A", env),)))
        found = dataclasses.replace(found, pull=dataclasses.replace(found.pull, password=password))
        names.add(render(CLUSTER, found).env["metadata"]["name"])
    assert len(names) == 3, "the hash is keyed with what only the server knows"


def test_one_replica_has_no_disruption_budget_and_two_have() -> None:
    assert by_kind(SMALL, "PodDisruptionBudget") == []
    (budget,) = by_kind(dataclasses.replace(SMALL, replicas=2), "PodDisruptionBudget")
    assert budget["spec"]["maxUnavailable"] == 1


def test_the_number_of_replicas_is_left_to_the_autoscaler_where_there_is_one() -> None:
    assert by_kind(SMALL, "Deployment")[0]["spec"]["replicas"] == 1
    assert "replicas" not in by_kind(LARGE, "Deployment")[0]["spec"]
    (scaler,) = by_kind(LARGE, "HorizontalPodAutoscaler")
    assert (scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"]) == (2, 6)


def test_the_quota_has_room_for_two_of_all_and_a_release_command() -> None:
    (quota,) = by_kind(LARGE, "ResourceQuota")
    assert quota["spec"]["hard"]["pods"] == str(2 * 6 + 1)
    assert quota["spec"]["hard"]["limits.cpu"] == f"{250 * 13}m"


def test_only_routed_ports_are_open_to_the_gateway_and_metrics_to_monitoring() -> None:
    (policy,) = [each for each in by_kind(LARGE, "NetworkPolicy") if each["metadata"]["name"] == "ingress"]
    gateway, team, monitoring = policy["spec"]["ingress"]
    assert [port["port"] for port in gateway["ports"]] == [8080, 9000]
    assert [port["port"] for port in team["ports"]] == [8080, 9000, 9001]
    assert team["from"][0]["namespaceSelector"]["matchLabels"] == {"loco/team-id": APP.team_id}
    assert [port["port"] for port in monitoring["ports"]] == [9090]


def test_a_release_command_has_no_probes_and_is_run_once() -> None:
    (job,) = by_kind(LARGE, "Job")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert job["spec"]["backoffLimit"] == 0
    assert not {"ports", "readinessProbe", "startupProbe"} & container.keys()
    assert container["args"] == ["migrate"], "as the image's CMD: its ENTRYPOINT stays, as on the Docker engine"
