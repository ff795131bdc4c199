import pytest

from loco_server.check.cluster.podsecurity import Asked, judge

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
VIOLATES = 'pods "x" is forbidden: violates PodSecurity "restricted:v1.33": host namespaces'


@pytest.mark.parametrize(
    ("asked", "state", "said"),
    [
        (Asked(RESTRICTED, 403, VIOLATES), "ok", "is refused"),
        (Asked(RESTRICTED, 201, ""), "missing", "would be taken"),
        (Asked(RESTRICTED, 403, 'User "x" cannot create resource "pods"'), "unknown", "may not try"),
        (Asked(RESTRICTED, 400, "an admission webhook said no"), "unknown", "something else: an admission webhook"),
        (Asked({}, 0, ""), "missing", "does not enforce"),
        (Asked({"pod-security.kubernetes.io/enforce": "baseline"}, 0, ""), "missing", "does not enforce"),
        (Asked(None, 0, ""), "missing", "is not there"),
    ],
)
def test_only_a_refusal_by_pod_security_itself_counts(asked: Asked, state: str, said: str) -> None:
    found = judge(asked)
    assert (found.state, said in found.said) == (state, True), found
    assert bool(found.fix) is (state != "ok")
