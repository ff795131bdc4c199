import pytest

from loco_server.check.cluster.versions import GatewayApi, gateway_api, kubernetes

PREFIX = "gateway.networking.k8s.io"


@pytest.mark.parametrize(
    ("version", "state", "word"),
    [
        ("v1.32.9", "missing", "1.33 or later"),
        ("v1.33.0", "ok", "v1.33.0"),
        ("v1.33.1-gke.1386000", "ok", "gke"),
        ("v1.37.4+k3s1", "ok", "k3s"),
        ("v1.38.0", "warning", "1.33 to 1.37"),
        ("v2.0.0", "warning", "1.33 to 1.37"),
        ("v1.9.1", "missing", "1.33 or later"),
        ("", "unknown", "cannot be read"),
    ],
)
def test_which_kubernetes_will_do(version: str, state: str, word: str) -> None:
    found = kubernetes(version)
    assert (found.state, word in found.said) == (state, True)
    assert bool(found.fix) is (state != "ok")


def api(version: str | None, channel: str = "standard", *, served: bool = True) -> GatewayApi:
    if version is None:
        return GatewayApi(served, None)
    return GatewayApi(served, {f"{PREFIX}/bundle-version": version, f"{PREFIX}/channel": channel})


@pytest.mark.parametrize(
    ("api", "state", "word"),
    [
        (api("v1.3.0"), "ok", "v1.3.0, standard"),
        (api("v1.2.0"), "ok", "v1.2.0"),
        (api("v1.1.1"), "missing", "1.2 or later"),
        (api("v1.3.0", "experimental"), "warning", "experimental channel"),
        (api("v0.0.0-dev"), "warning", "no release: v0.0.0-dev"),
        (GatewayApi(served=True, annotations={}), "warning", "no release: no version"),
        (api(None), "unknown", "not to be seen"),
        (api("v1.3.0", served=False), "missing", "not installed"),
    ],
)
def test_which_gateway_api_will_do(api: GatewayApi, state: str, word: str) -> None:
    found = gateway_api(api)
    assert (found.state, word in found.said) == (state, True)
    assert bool(found.fix) is (state != "ok")
