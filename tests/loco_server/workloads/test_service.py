from loco_server.units import Autoscale, Probe, Unit, UnitMetrics, UnitPort, UnitRoute
from loco_server.workloads import injected, service
from loco_spec.kinds.service import Service

ROUTE = UnitRoute(host="shop.localhost", path="/", port="http", strip_prefix=False)


def app(**keys: object) -> Service:
    return Service.model_validate({"name": "shop", **keys})


def test_an_empty_spec_becomes_one_replica_on_8080_with_a_tcp_probe() -> None:
    unit = service.unit(app(), image="r/x@sha256:1", user=10001, group=20002, routes=[ROUTE], injected=(), variables={})
    assert (unit.replicas, unit.image, unit.user, unit.group, unit.command) == (1, "r/x@sha256:1", 10001, 20002, None)
    assert unit.ports == (UnitPort("http", 8080, "http"),)
    assert unit.routes == (ROUTE,)
    assert unit.probe == Probe(port=8080, path=None, interval=10, timeout=2, grace=30, failures=3)
    assert (unit.cpu_millis, unit.memory_bytes, unit.read_only, unit.drain_seconds) == (250, 256 << 20, False, 20)


def test_an_old_record_that_asks_for_more_drains_no_longer_than_the_most() -> None:
    spec = Service.stored({"name": "shop", "deploy": {"drain": "24h"}})
    unit = service.unit(spec, image="i", user=1, group=None, routes=[], injected=(), variables={})
    assert unit.drain_seconds == 600


def test_what_the_spec_sets_wins_over_what_is_injected() -> None:
    spec = app(env={"LOCO_APP": "mine", "B": "2"})
    unit = service.unit(
        spec, image="i", user=1, group=None, routes=[], injected=[("LOCO_APP", "shop"), ("A", "1")], variables={}
    )
    assert unit.env == (("A", "1"), ("B", "2"), ("LOCO_APP", "mine"))


def test_an_app_is_told_who_it_is_and_where_the_others_answer_and_not_itself() -> None:
    others = {"shop": app(), "shop-api": Service.model_validate({"name": "shop-api", "port": 9000})}
    found = injected.variables(
        app="shop",
        team="acme",
        deployment=12,
        url="http://shop.localhost",
        others=others,
        hosts={"shop": "x", "shop-api": "api.internal"},
    )
    assert dict(found) == {
        "LOCO_APP": "shop",
        "LOCO_TEAM": "acme",
        "LOCO_DEPLOYMENT": "v12",
        "LOCO_URL": "http://shop.localhost",
        "LOCO_APP_SHOP_API_HOST": "api.internal",
        "LOCO_APP_SHOP_API_PORT": "9000",
    }


def test_an_app_without_routes_is_told_no_url() -> None:
    found = injected.variables(app="shop", team="acme", deployment=1, url=None, others={}, hosts={})
    assert "LOCO_URL" not in dict(found)


def test_a_variable_wins_over_the_spec_and_what_is_shown_of_a_unit_has_none_of_them() -> None:
    spec = app(env={"A": "plain", "B": "2"})
    unit = service.unit(
        spec, image="i", user=1, group=None, routes=[], injected=[("LOCO_APP", "shop")], variables={"A": "sesame"}
    )
    assert unit.env == (("A", "sesame"), ("B", "2"), ("LOCO_APP", "shop"))
    assert "sesame" not in repr(unit)


def test_a_scale_with_a_range_starts_at_its_least_and_is_left_to_the_autoscaler() -> None:
    def made(**scale: object) -> Unit:
        spec = app(scale=scale, metrics={"port": 9090})
        return service.unit(spec, image="i", user=1, group=None, routes=[], injected=[], variables={})

    ranged = made(min=2, max=6, cpu=60)
    assert (ranged.replicas, ranged.autoscale, ranged.most) == (2, Autoscale(most=6, cpu_percent=60), 6)
    assert made(min=2, max=6).autoscale == Autoscale(most=6, cpu_percent=service.DEFAULT_CPU_PERCENT)
    fixed = made(min=3, max=3)
    assert (fixed.replicas, fixed.autoscale, fixed.most) == (3, None, 3)
    assert fixed.metrics == UnitMetrics(port=9090, path="/metrics")
