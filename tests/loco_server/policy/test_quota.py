from collections import Counter
from typing import Any

import pytest

from loco_server.policy import quota
from loco_server.policy.quota import Quota
from loco_server.records.values import TeamUsage, needs
from loco_spec.errors import Refused, UsageError
from loco_spec.kinds.service import Service

DEFAULT = Quota(apps=2, cpu=4000, memory=1 << 30, replicas=10, deployments_per_hour=3, context=1000)


def used(
    apps: int = 1,
    own: dict[str, int] | None = None,
    others: dict[str, int] | None = None,
    hour: tuple[int, ...] = (),
    **overrides: int,
) -> TeamUsage:
    return TeamUsage(overrides, apps, own is not None, Counter(own or {}), Counter(others or {}), hour)


def ask(used: TeamUsage, spec: dict[str, Any] | None = None, **more: Any) -> None:
    asked = None if spec is None else Service.model_validate({"name": "shop", **spec})
    quota.refuse(DEFAULT, "acme", "shop", asked, used, **more)


def test_an_app_needs_what_its_most_replicas_do() -> None:
    resources = {"cpu": "1.5", "memory": "256Mi"}
    for scale, most in (({}, 1), ({"replicas": 3}, 3), ({"min": 2}, 2), ({"min": 2, "max": 5}, 5)):
        spec = Service.model_validate({"name": "shop", "resources": resources, "scale": scale})
        assert needs(spec) == {"cpu": 1500 * most, "memory": (256 << 20) * most, "replicas": most}


def test_what_fits_is_let_through() -> None:
    ask(used())
    ask(used(apps=2, own={}))  # the app is one of the two
    ask(used(others={"cpu": 3750, "memory": 768 << 20, "replicas": 9}), {})
    ask(used(hour=(1, 2)), number=True)
    ask(used(hour=(1, 2, 3)))
    ask(used(), context=1000)


def test_an_app_too_many_is_refused() -> None:
    with pytest.raises(Refused, match="shop would be one app more, and team acme has 2; 2 is the most") as error:
        ask(used(apps=2))
    assert "loco destroy" in error.value.hint
    ask(TeamUsage({"apps": 3}, 2, False, Counter(), Counter(), ()))


@pytest.mark.parametrize(
    ("others", "spec", "said"),
    [
        (
            {"cpu": 3000},
            {"resources": {"cpu": "500m"}, "scale": {"replicas": 3}},
            ("cpu 1.5", "may have 4 in all", "have 3 of it"),
        ),
        (
            {"memory": 1 << 29},
            {"resources": {"memory": "768Mi"}},
            ("memory 768Mi", "may have 1Gi in all", "have 512Mi of it"),
        ),
        ({"replicas": 9}, {"scale": {"max": 2}}, ("replicas 2", "may have 10 in all", "have 9 of it")),
    ],
)
def test_more_than_a_team_may_have_is_refused_with_asked_used_and_limit(
    others: dict[str, int], spec: dict[str, Any], said: tuple[str, ...]
) -> None:
    with pytest.raises(Refused) as error:
        ask(used(others=others), spec)
    assert all(part in error.value.message for part in said), error.value.message
    assert "under [" in error.value.hint


def test_an_app_keeps_what_it_has_and_shrinks_where_the_quota_was_lowered_but_does_not_grow() -> None:
    own = {"cpu": 1000, "memory": 1 << 30, "replicas": 4}
    lowered = used(own=own, others={"cpu": 4000, "replicas": 10}, cpu=1, memory=1, replicas=1)
    ask(lowered, {"resources": {"cpu": "250m"}, "scale": {"replicas": 4}})
    ask(lowered, {"resources": {"cpu": "250m"}, "scale": {"replicas": 3}})
    with pytest.raises(Refused):
        ask(lowered, {"resources": {"cpu": "250m"}, "scale": {"replicas": 5}})


def test_a_deployment_too_many_within_the_hour_says_when_there_is_one_again() -> None:
    with pytest.raises(Refused, match="made 3 deployments within an hour; its quota is 3") as error:
        ask(used(hour=(7, 20, 30)), number=True)
    assert error.value.retry_after == 7
    with pytest.raises(Refused) as error:  # the quota was lowered: several must leave the hour
        ask(used(hour=(7, 20, 30), deployments_per_hour=2), number=True)
    assert error.value.retry_after == 20
    with pytest.raises(Refused) as error:
        ask(used(deployments_per_hour=0), number=True)
    assert error.value.retry_after is None


def test_a_context_that_is_too_large_is_refused_with_both_sizes() -> None:
    with pytest.raises(Refused, match=r"context has 1.0 KB; the most for team acme is 1.0 KB") as error:
        ask(used(), context=1001)
    assert ".dockerignore" in error.value.hint


def test_overrides_stand_before_the_defaults_and_a_name_of_a_newer_server_is_passed_over() -> None:
    found = quota.effective(DEFAULT, {"cpu": 1, "gpus": 3})
    assert (found.cpu, found.apps) == (1, 2)


def test_texts_change_overrides_in_the_words_of_loco_toml() -> None:
    texts = [
        "cpu=4",
        "memory=8Gi",
        "image=500MB",
        "context=2Gi",
        "deployments-per-hour=5",
        "replicas=default",
        "apps=0",
    ]
    assert quota.changed({"replicas": 3, "cpu": 1}, texts) == {
        "cpu": 4000,
        "memory": 8 << 30,
        "image": 500_000_000,
        "context": 2 << 30,
        "deployments_per_hour": 5,
        "apps": 0,
    }


@pytest.mark.parametrize(
    "text", ["cpu", "gpus=1", "=3", "cpu=", "memory=8", "image=big", "apps=-1", "apps=²", "apps=1.5"]
)
def test_a_text_that_is_none_is_refused_and_told(text: str) -> None:
    with pytest.raises(UsageError) as error:
        quota.changed({}, [text])
    assert text in error.value.message


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("cpu", 1500, "1.5"),
        ("memory", 64 << 30, "64Gi"),
        ("memory", 1536 << 20, "1536Mi"),
        ("image", 2_000_000_000, "2.0 GB"),
        ("apps", 3, "3"),
    ],
)
def test_values_are_said_as_people_write_them(name: str, value: int, text: str) -> None:
    assert quota.worded(name, value) == text


def test_a_plan_tells_of_each_quota_what_others_use_and_what_the_app_would_need() -> None:
    spec = Service.model_validate({"name": "shop", "resources": {"cpu": "1", "memory": "256Mi"}, "scale": {"max": 2}})
    team = used(apps=2, own={"cpu": 500}, others={"cpu": 1000, "replicas": 4}, hour=(5, 9), cpu=8000)
    found = {each.name: (each.used, each.needed, each.limit) for each in quota.uses(DEFAULT, spec, team, 700)}
    assert found == {
        "cpu": (1000, 2000, 8000),
        "memory": (0, 512 << 20, 1 << 30),
        "replicas": (4, 2, 10),
        "apps": (1, 1, 2),
        "deployments_per_hour": (2, 1, 3),
        "context": (0, 700, 1000),
    }


def one_off(own: int, others: int, *, count: int = 1, **spec: Any) -> None:
    asked = Service.model_validate({"name": "shop", "resources": {"cpu": "1", "memory": "64Mi"}, **spec})
    quota.refuse_one_off(DEFAULT, "acme", "shop", asked, used(own={"cpu": own}, others={"cpu": others}), count)


def test_a_container_for_a_while_takes_what_a_replica_does_beside_all_that_there_is() -> None:
    one_off(2000, 1000)
    one_off(2000, 1000, scale={"replicas": 2})
    with pytest.raises(Refused, match=r"a container of shop takes cpu 1; team acme may have 4 in all.* have 3.5 of it"):
        one_off(2000, 1500)
    with pytest.raises(Refused) as error:
        one_off(1000, 1000, count=3)
    assert "loco exec" in error.value.hint


def test_memory_is_counted_for_it_as_well() -> None:
    spec = Service.model_validate({"name": "shop", "resources": {"memory": "512Mi"}})
    with pytest.raises(Refused, match="takes memory 512Mi"):
        quota.refuse_one_off(DEFAULT, "acme", "shop", spec, used(others={"memory": 600 << 20}), 1)
