import pytest

from loco_server.check.cluster import metrics
from loco_server.check.cluster.asking import Asker
from loco_server.check.cluster.place import Place, judge, place

GOOD = {"LOCO_DOMAIN": "a.example", "LOCO_GITHUB_CLIENT_ID": "x"}


@pytest.mark.parametrize(
    ("place", "state", "said"),
    [
        (Place(known=True, settings=GOOD), "ok", "domain a.example, images as registry.a.example/…"),
        (Place(known=True, settings={}), "missing", "loco is not installed"),
        (Place(known=True, settings={"LOCO_GATEWAY": "x"}), "missing", "LOCO_DOMAIN is not set"),
        (Place(known=True, settings=GOOD | {"LOCO_DOMAIN": "apps.example.com"}), "missing", "still the example"),
        (Place(known=True, settings={"LOCO_DOMAIN": "a.example"}), "missing", "nobody could sign in"),
        (Place(known=False, settings=GOOD, why="no right", fix="ask"), "unknown", "no right"),
    ],
)
def test_the_settings_of_an_installation(place: Place, state: str, said: str) -> None:
    found = judge(place)
    assert (found.state, said in found.said) == (state, True), found
    assert bool(found.fix) is (state != "ok")


@pytest.mark.parametrize("domain", ["", "apps.example.com"])
def test_the_domain_is_set_where_everything_that_has_it_is_made(domain: str) -> None:
    fix = judge(Place(known=True, settings=GOOD | {"LOCO_DOMAIN": domain})).fix
    assert "overlay" in fix
    assert "kubectl edit" not in fix  # the Gateway and its certificates would go on with another


@pytest.mark.parametrize(
    ("values", "own"),
    [
        ({}, True),
        ({"LOCO_REGISTRY": "harbor"}, False),
        ({"LOCO_REGISTRY_URL": "http://loco-registry.loco-system.svc:5000"}, True),
        ({"LOCO_REGISTRY_URL": "https://registry.acme.com"}, False),
        ({"LOCO_REGISTRY": "harbor", "LOCO_REGISTRY_URL": "https://harbor.acme.com"}, False),
    ],
)
def test_whose_registry_it_is(values: dict[str, str], own: bool) -> None:
    assert Place(known=True, settings=values).own_registry is own


def test_the_gateway_is_the_one_that_is_set() -> None:
    assert Place(known=True, settings={}).gateway == ("loco-system", "loco")
    named = Place(known=True, settings={"LOCO_GATEWAY": "own", "LOCO_GATEWAY_NAMESPACE": "edge"})
    assert named.gateway == ("edge", "own")


@pytest.mark.parametrize(
    ("served", "fault", "state", "said"),
    [
        (True, "", "ok", "is served"),
        (False, "", "warning", "not served: apps do not scale by themselves"),
        (False, "it is down", "warning", "does not answer: apps do not scale by themselves"),
    ],
)
def test_without_metrics_it_says_what_does_not_work(served: bool, fault: str, state: str, said: str) -> None:
    found = metrics.judge(served=served, fault=fault)
    assert (found.state, said in found.said, fault in found.said) == (state, True, True)


@pytest.mark.anyio
async def test_in_a_pod_the_environment_is_read_and_no_secret_of_it() -> None:
    variables = GOOD | {"LOCO_DATABASE_URL": "postgresql://loco:hunter2@db/loco"}
    found = await place(Asker(None), variables, in_pod=True)
    assert (found.domain, judge(found).state) == ("a.example", "ok")
    assert "hunter2" not in repr(found)
