from loco_server.check.cluster.permissions import FORBIDDEN, Right, judge, needed, secrets
from loco_server.check.cluster.shipped import shipped


def test_a_role_is_taken_apart_into_single_rights() -> None:
    rules = [{"apiGroups": ["", "apps"], "resources": ["pods/log"], "verbs": ["get", "list"]}]
    assert [str(right) for right in needed(rules)] == [
        "get pods/log",
        "list pods/log",
        "get pods/log.apps",
        "list pods/log.apps",
    ]


def test_verbs_that_lack_are_named_with_what_they_are_for() -> None:
    every = dict.fromkeys(needed(shipped().rules), True)
    assert judge(every).state == "ok"
    every |= {Right("delete", "batch", "jobs"): False, Right("get", "", "pods/log"): False}
    found = judge(every)
    assert found.state == "missing"
    assert found.said == "the server may not: get pods/log, delete jobs.batch"
    assert "cluster-role.yaml" in found.fix


def test_a_way_to_secrets_is_found_in_one_namespace_too() -> None:
    none = dict.fromkeys(FORBIDDEN, False)
    assert secrets(none).state == "ok"
    found = secrets(none | {Right("get", "", "secrets", "loco-system"): True})
    assert found.state == "missing"
    assert "the server may get secrets in loco-system: it must not" in found.said
    assert "loco-server" in found.fix
    asked = {(right.verb, right.namespace) for right in FORBIDDEN}
    assert asked == {(verb, space) for verb in ("get", "list", "watch", "patch") for space in ("", "loco-system")}
