"""Which deployment comes back, and which ones can."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from loco_server.policy import rollback
from loco_server.records.values import DeploymentRecord
from loco_spec.kinds.service import Service
from tests.loco_server.records.databases import NOW


def deployment(number: int, *, digest: str, live_at: datetime, variables: dict[str, int]) -> DeploymentRecord:
    return DeploymentRecord(
        app_id="abcdefghij",
        number=number,
        state="replaced",
        action="deploy",
        spec=Service(name="shop"),
        routes=(),
        digest=digest,
        user_id=10001,
        group_id=None,
        release=False,
        force=False,
        released=False,
        created_by="ann",
        reason=None,
        diagnosis=None,
        cancel_requested=False,
        owner=None,
        attempt=1,
        created_at=NOW,
        live_at=live_at,
        ended_at=None,
        variables=variables,
    )


ONE = deployment(1, digest="sha256:1", live_at=NOW, variables={"KEY": 1})
TWO = deployment(2, digest="sha256:2", live_at=NOW + timedelta(hours=1), variables={"KEY": 2})
BACK = replace(ONE, number=3, live_at=NOW + timedelta(hours=2))
KEPT = {("KEY", 1): "0a0a0a0a", ("KEY", 2): "0b0b0b0b"}


@pytest.mark.parametrize("change", [{"digest": "sha256:9"}, {"variables": {}}, {"routes": ("x",)}, {"spec": "other"}])
def test_alike_is_what_has_the_same_image_spec_routes_and_variables(change: dict[str, object]) -> None:
    assert rollback.alike(ONE, BACK)
    assert not rollback.alike(ONE, replace(ONE, **change))  # type: ignore[arg-type]


def test_values_that_were_purged_are_missing() -> None:
    both = replace(ONE, variables={"B": 1, "A": 2, "C": 3})
    assert rollback.missing(both, {("A", 1): "0a", ("B", 1): None, ("C", 3): "0c"}) == ["A", "B"]
    assert rollback.missing(both, {("A", 2): "0a", ("B", 1): "0b", ("C", 3): "0c"}) == []


@pytest.mark.parametrize(
    ("live", "served", "wanted"),
    [
        (TWO, [TWO, ONE], ONE),
        (BACK, [BACK, TWO, ONE], TWO),  # a rollback of a rollback leads forth again, not to what is the same
        (ONE, [ONE], None),
        (BACK, [BACK, ONE], None),
    ],
)
def test_the_last_that_served_before_and_differs_comes_back(
    live: DeploymentRecord, served: list[DeploymentRecord], wanted: DeploymentRecord | None
) -> None:
    assert rollback.before(live, served) == wanted


def test_what_has_its_image_and_its_values_can_come_back_the_newest_first() -> None:
    zero = replace(ONE, number=9, digest="sha256:0", live_at=NOW - timedelta(hours=1))
    assert rollback.possible(BACK, [BACK, TWO, ONE, zero], KEPT) == [2, 9]
    assert rollback.possible(BACK, [replace(TWO, image_deleted=True)], KEPT) == []
    assert rollback.possible(BACK, [TWO], {("KEY", 1): "0a0a0a0a"}) == []
    assert rollback.possible(BACK, [replace(TWO, digest=None)], KEPT) == []
    assert rollback.possible(TWO, [replace(ONE, live_at=None)], KEPT) == [1]
