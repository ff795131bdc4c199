import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from loco_server.records.trust import TrustRules
from loco_server.records.values import TrustRuleRecord
from tests.loco_server.records.databases import NOW, Records

pytestmark = pytest.mark.anyio


@pytest.fixture
def rules(records: Records) -> TrustRules:
    return TrustRules(records.database)


async def rule(records: Records, *, app: bool = False) -> TrustRuleRecord:
    team = await records.team()
    made = await records.app() if app else None
    user = await records.people.signed_in("local", "ann", "ann")
    return TrustRuleRecord(
        id="aaaaaaaaaa",
        team_id=team.id,
        app_id=made.id if made else None,
        app=made.name if made else None,
        issuer="https://issuer.example",
        audience="loco",
        repository="acme/shop",
        claims={"repository_id": "74", "actor_id": ["1", "2"]},
        created_by=user.id,
        creator="ann",
        created_at=NOW,
    )


@pytest.mark.parametrize("app", [True, False])
async def test_a_rule_comes_back_as_it_was_written(records: Records, rules: TrustRules, app: bool) -> None:
    made = await rule(records, app=app)
    await rules.add(made)
    assert await rules.of_team(made.team_id) == [made]
    assert await rules.of_team_named("ann") == [made]
    assert await rules.of_team_named("bob") == []


async def test_a_rule_of_another_team_is_not_removed(records: Records, rules: TrustRules) -> None:
    made = await rule(records)
    await rules.add(made)
    assert not await rules.remove((await records.team("bob")).id, made.id)
    assert await rules.remove(made.team_id, made.id)
    assert not await rules.remove(made.team_id, made.id)


async def test_a_rule_goes_with_its_app(records: Records, rules: TrustRules) -> None:
    made = await rule(records, app=True)
    await rules.add(made)
    assert made.app_id is not None
    await records.apps.delete(made.app_id)
    assert await rules.of_team(made.team_id) == []


async def test_of_all_who_use_a_token_at_the_same_time_one_may(rules: TrustRules) -> None:
    until = datetime.now(UTC) + timedelta(minutes=5)
    found = await asyncio.gather(*(rules.use("issuer", "jti", until=until) for _ in range(16)))
    assert sorted(found) == [False] * 15 + [True]
    assert await rules.use("another issuer", "jti", until=until)
    assert not await rules.use("issuer", "jti", until=until)


async def test_a_token_is_forgotten_once_it_has_ended_by_itself(rules: TrustRules) -> None:
    assert await rules.use("issuer", "old", until=datetime.now(UTC) - timedelta(seconds=1))
    assert await rules.use("issuer", "new", until=datetime.now(UTC) + timedelta(minutes=5))
    assert await rules.use("issuer", "old", until=datetime.now(UTC) + timedelta(minutes=5))
