import pytest

from loco_server.check.cluster.plugins import DaemonSet, Seen, judge


def aws(*arguments: str) -> DaemonSet:
    agent = ("aws-eks-nodeagent", "amazon/aws-network-policy-agent:v1.2", arguments)
    return DaemonSet("aws-node", (("aws-node", "amazon-k8s-cni:v1.19", ()), agent))


def kindnet(tag: str) -> DaemonSet:
    return DaemonSet("kindnet", (("kindnet-cni", f"docker.io/kindest/kindnetd:{tag}", ()),))


def only(*names: str) -> Seen:
    return Seen([DaemonSet("kube-proxy"), *map(DaemonSet, names)])


@pytest.mark.parametrize(
    ("seen", "state", "said"),
    [
        (only("cilium"), "ok", "Cilium enforces"),
        (only("anetd"), "ok", "GKE Dataplane V2 enforces"),
        (only("calico-node"), "ok", "Calico enforces"),
        (only("kube-flannel-ds", "canal"), "ok", "Canal"),
        (only("antrea-agent"), "ok", "Antrea enforces"),
        (only("kube-router"), "ok", "kube-router enforces"),
        (only("weave-net"), "ok", "Weave Net enforces"),
        (only("ovnkube-node"), "ok", "OVN-Kubernetes enforces"),
        (only("azure-npm"), "ok", "Azure's network policy manager enforces"),
        (only("kube-flannel-ds", "kube-network-policies"), "ok", "kube-network-policies enforces"),
        (only("kube-flannel-ds"), "missing", "Flannel does not enforce"),
        (only("azure-cni"), "missing", "Azure CNI does not enforce"),
        (Seen([aws("--enable-network-policy=true")]), "ok", "network policy agent enforces"),
        (Seen([aws("--enable-network-policy=false")]), "missing", "VPC CNI without network policies does not"),
        (Seen([DaemonSet("aws-node")]), "missing", "VPC CNI without network policies does not"),
        (Seen([kindnet("v20240813-c6f155d6")]), "ok", "kindnet enforces"),
        (Seen([kindnet("v20240513-cd2ac642")]), "missing", "kind before 0.24"),
        (Seen([kindnet("latest")]), "unknown", "none of the network plugins"),
        (
            Seen([DaemonSet("kube-router", (("kube-router", "x", ("--run-router=true", "--run-firewall=false")),))]),
            "missing",
            "kube-router without its firewall does not",
        ),
        (Seen([], versions=frozenset({"v1.33.1+k3s1"})), "ok", "k3s"),
        (only(), "unknown", "a plain bridge would keep no app apart"),
        (Seen(None, frozenset({"apps", "cilium.io"})), "unknown", "Cilium seems to be there"),
        (Seen(None, frozenset({"apps"})), "unknown", "not to be seen"),
    ],
)
def test_which_network_plugins_keep_apps_apart(seen: Seen, state: str, said: str) -> None:
    found = judge(seen)
    assert (found.state, said in found.said) == (state, True), found
    assert bool(found.fix) is (state != "ok")


def test_what_cannot_be_seen_says_who_can() -> None:
    assert "administrator's kubeconfig" in judge(Seen(None)).fix


def test_a_daemon_set_is_read_as_the_api_gives_it() -> None:
    container = {"name": "a", "image": "b", "command": ["c"], "args": ["d", "e"]}
    found = {"metadata": {"name": "x"}, "spec": {"template": {"spec": {"containers": [container, {"name": "f"}]}}}}
    assert DaemonSet.of(found) == DaemonSet("x", (("a", "b", ("c", "d", "e")), ("f", "", ())))
