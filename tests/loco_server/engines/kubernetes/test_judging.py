"""From conditions, pods and events to a verdict. The objects have the shapes that a Kubernetes 1.36 gave."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from loco_server.engines.kubernetes.judging import Failing, Live, Waiting, crashing, judge, late
from tests.kube.samples import LARGE, SMALL, rollout

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
ROLLOUT = rollout(SMALL)


def deployment(wanted: int = 1, *, seen: int = 2, conditions: Any = (), **counts: int) -> dict[str, Any]:
    status = {"observedGeneration": seen, "conditions": list(conditions), **counts}
    return {"metadata": {"name": "web", "generation": 2}, "spec": {"replicas": wanted}, "status": status}


def pod(state: Any, *, last: Any = None, ready: bool = False, number: int = 12, conditions: Any = ()) -> dict[str, Any]:
    container = {
        "name": "web",
        "state": state,
        "ready": ready,
        "lastState": last or {},
        "restartCount": int(last is not None),
    }
    ready_condition = {"type": "Ready", "status": str(ready)}
    return {
        "metadata": {
            "name": "web-5d4f-x7k2p",
            "namespace": "n",
            "uid": "u",
            "labels": {"loco/deployment": str(number), "loco/role": "app"},
        },
        "status": {"phase": "Running", "containerStatuses": [container], "conditions": [ready_condition, *conditions]},
    }


def event(reason: str, message: str, at: str = "2026-11-26T11:59:59Z") -> dict[str, Any]:
    return {"reason": reason, "message": message, "lastTimestamp": at, "involvedObject": {"uid": "u"}}


def running(seconds: float) -> dict[str, Any]:
    return {"running": {"startedAt": (NOW - timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")}}


def verdict(pods: Any = (), events: Any = (), found: Any = None) -> Any:
    return judge(ROLLOUT, found or deployment(updatedReplicas=1), list(pods), list(events), now=NOW)


def failing(pods: Any = (), events: Any = (), found: Any = None) -> Failing:
    said = verdict(pods, events, found)
    assert isinstance(said, Failing), said
    return said


def test_live_is_when_all_are_new_and_available_and_nothing_old_is_left() -> None:
    done = {"replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}
    assert verdict(found=deployment(2, **done)) == Live()
    assert verdict(found=deployment(2, **(done | {"replicas": 3}))) == Waiting(ready=0, wanted=2, old=1)
    assert isinstance(verdict(found=deployment(2, **(done | {"availableReplicas": 1}))), Waiting)
    assert isinstance(verdict(found=deployment(2, seen=1, **done)), Waiting), "the controller has not looked yet"


def test_a_container_that_ended_is_told_with_its_code_and_shown_with_its_own_lines() -> None:
    said = failing([pod({"terminated": {"exitCode": 3, "reason": "Error"}})])
    assert (said.diagnosis.cause, said.patience, said.previous) == ("exited", 0, False)
    assert "v12-x7k2p ended with exit code 3" in said.diagnosis.message
    back = {"waiting": {"reason": "CrashLoopBackOff"}}
    again = failing([pod(back, last={"terminated": {"exitCode": 139, "reason": "Error"}})])
    assert "139 (SIGSEGV)" in again.diagnosis.message
    assert again.previous, "the lines are those of the container before"


def test_the_last_lines_of_one_that_ended_may_tell_more_than_its_code() -> None:
    said = failing([pod({"terminated": {"exitCode": 1, "reason": "Error"}})])
    assert said.explain is not None
    assert said.explain(["exec /srv/app: exec format error"]).cause == "exec-format"
    assert said.explain(["hello", "cp: /www/x: Permission denied"]).cause == "permission-denied"
    assert said.explain(["hello"]).lines == ("hello",)


def test_one_that_ends_again_and_again_is_told_from_what_the_cluster_says_of_it() -> None:
    back = {"waiting": {"reason": "CrashLoopBackOff"}}
    found = pod(back, last={"terminated": {"exitCode": 137, "reason": "OOMKilled"}})
    found["spec"] = {"containers": [{"resources": {"limits": {"memory": "64Mi"}}}]}
    assert crashing(found) is None, "anything may end once"
    found["status"]["containerStatuses"][0]["restartCount"] = 4
    explain = crashing(found)
    assert explain is not None
    told = explain(["loading"])
    assert (told.cause, told.phase, told.lines) == ("crash-loop", "running", ("loading",))
    assert "restarts: 4" in told.message
    assert "used more than its 64 MiB of memory" in told.message
    found["status"]["containerStatuses"][0]["state"] = {"running": {}}
    assert crashing(found) is None


def test_a_pod_that_its_node_put_out_is_told_as_that() -> None:
    out = pod({"terminated": {"exitCode": 137, "reason": "Error"}})
    out["status"] |= {"phase": "Failed", "reason": "Evicted", "message": "ephemeral local storage usage exceeds 1Gi"}
    found = failing([out]).diagnosis
    assert (found.cause, found.evidence[0].text) == ("evicted", "ephemeral local storage usage exceeds 1Gi")


def test_out_of_memory_is_told_with_the_limit() -> None:
    said = failing([pod({"terminated": {"exitCode": 137, "reason": "OOMKilled"}})])
    assert said.diagnosis.cause == "out-of-memory"
    assert "256 MiB" in said.diagnosis.message


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ('exec: "/nope": stat /nope: no such file or directory', "command-not-found"),
        ('exec: "serve": executable file not found in $PATH', "command-not-found"),
        ('exec: "/etc/passwd": permission denied', "command-not-executable"),
        ("something else", "engine-refused"),
    ],
)
def test_a_command_that_cannot_be_run_is_told_as_that(message: str, cause: str) -> None:
    ended = {"terminated": {"exitCode": 128, "reason": "StartError", "message": f"failed to create task: {message}"}}
    assert failing([pod(ended)]).diagnosis.cause == cause


def test_a_pull_is_told_in_the_registrys_words_and_given_up_only_where_asking_again_is_in_vain() -> None:
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}
    events = [
        event("Failed", 'Failed to pull image "r/x@sha256:1": not found: manifest unknown'),
        event("Failed", "Error: ImagePullBackOff"),
    ]
    final = failing([pod(waiting)], events)
    assert final.diagnosis.cause == "image-gone"
    assert final.diagnosis.evidence[-1].text.endswith("not found: manifest unknown")
    assert final.patience == 0
    away = failing([pod(waiting)], [event("Failed", 'Failed to pull image "r/x": dial tcp: connection refused')])
    assert (away.diagnosis.cause, away.patience > 100) == ("registry-away", True)


def test_an_instance_is_given_its_grace_and_then_told_with_the_probes_answer() -> None:
    refused = [event("Unhealthy", "Startup probe failed: HTTP probe failed with statuscode: 500")]
    early, late_ = failing([pod(running(29))], refused), failing([pod(running(31))], refused)
    assert (early.patience, late_.patience) == (1, 0)
    assert (late_.diagnosis.cause, late_.pod) == ("probe-status", "web-5d4f-x7k2p")
    newest = [event("Unhealthy", "dial tcp 10.244.0.9:8080: connect: connection refused", "2026-11-26T12:00:00Z")]
    assert failing([pod(running(31))], [*newest, *refused]).diagnosis.cause == "probe-refused"


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("Startup probe warning: Probe terminated redirects, Response body: https://login.example/", "probe-redirect"),
        (
            "Get http://10.0.0.1: context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
            "probe-no-answer",
        ),
        ('Get "http://10.0.0.1:8080/": malformed HTTP response "\\x15\\x03\\x01\\x00\\x02\\x02"', "probe-tls"),
        ('Get "http://10.0.0.1:8080/": malformed HTTP version "SSH-2.0-x"', "probe-not-http"),
        ("", "probe-late"),
    ],
)
def test_other_answers_of_a_probe_have_words_of_their_own(said: str, cause: str) -> None:
    assert failing([pod(running(60))], [event("Unhealthy", said)]).diagnosis.cause == cause


def test_what_no_node_can_take_is_told_and_waited_for() -> None:
    condition = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "0/3 nodes: 3 Insufficient cpu",
    }
    said = failing([pod({}, conditions=[condition])])
    assert (said.diagnosis.cause, said.patience > 10) == ("unschedulable", True)
    assert "3 Insufficient cpu" in said.diagnosis.evidence[0].text


@pytest.mark.parametrize(
    ("message", "cause", "at_once"),
    [
        ('pods "web-1" is forbidden: exceeded quota: app, requested: pods=1, used: pods=3', "quota-exceeded", False),
        ('pods "web-1" is forbidden: violates PodSecurity "restricted:v1.33": runAsNonRoot', "pod-security", True),
        ("admission webhook x denied the request: no", "admission-refused", True),
        ("something else", "engine-refused", True),
    ],
)
def test_a_pod_that_may_not_be_made_is_told_with_the_reason(message: str, cause: str, at_once: bool) -> None:
    condition = {"type": "ReplicaFailure", "status": "True", "message": message}
    said = failing(found=deployment(conditions=[condition]))
    assert (said.diagnosis.cause, said.patience == 0) == (cause, at_once)


def test_a_missing_secret_is_told_as_that() -> None:
    waiting = {"waiting": {"reason": "CreateContainerConfigError", "message": 'secret "env-v12" not found'}}
    said = failing([pod(waiting)])
    assert said.diagnosis.cause == "config-missing"
    assert 'secret "env-v12" not found' in said.diagnosis.evidence[0].text


def test_pods_of_other_deployments_and_pods_that_leave_say_nothing() -> None:
    ended = {"terminated": {"exitCode": 3}}
    leaving = pod(ended)
    leaving["metadata"]["deletionTimestamp"] = "2026-11-26T12:00:00Z"
    assert verdict([pod(ended, number=11), leaving]) == Waiting(ready=0, wanted=1, old=0)


def test_at_the_deadline_the_best_word_is_given() -> None:
    assert "0 of 2 instances were ready" in late(rollout(LARGE), Waiting(0, 2, 1)).message
    quota = failing(
        found=deployment(conditions=[{"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: x"}])
    )
    assert late(ROLLOUT, quota).cause == "quota-exceeded"


def test_every_hint_names_what_to_do() -> None:
    for state in ({"terminated": {"exitCode": code, "reason": "Error"}} for code in (0, 1, 126, 127, 137)):
        assert len(failing([pod(state)]).diagnosis.hint) > 20
