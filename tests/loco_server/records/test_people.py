import asyncio
from datetime import datetime

import pytest

from tests.loco_server.records.databases import NOW, Records

pytestmark = pytest.mark.anyio


async def test_the_first_sign_in_makes_a_user_with_a_team_of_their_own(records: Records) -> None:
    user = await records.people.signed_in("local", "1000", "Ann Lee")
    assert user.login == "ann-lee"
    [(team, role, personal)] = await records.people.teams(user.id)
    assert (team.name, role, personal) == ("ann-lee", "owner", True)


async def test_the_second_sign_in_finds_the_same_user_under_whatever_name(records: Records) -> None:
    first = await records.people.signed_in("local", "1000", "ann")
    assert await records.people.signed_in("local", "1000", "renamed") == first


async def test_two_people_of_one_name_get_two_logins(records: Records) -> None:
    one = await records.people.signed_in("local", "1", "ann")
    two = await records.people.signed_in("github", "1", "ann")
    assert (one.login, two.login) == ("ann", "ann-2")


async def test_many_first_sign_ins_at_once_make_one_user(records: Records) -> None:
    found = await asyncio.gather(*(records.people.signed_in("local", "1", "ann") for _ in range(8)))
    assert len({user.id for user in found}) == 1


async def test_a_stranger_has_no_membership(records: Records) -> None:
    ann = await records.people.signed_in("local", "1", "ann")
    bob = await records.people.signed_in("local", "2", "bob")
    assert await records.people.membership(bob.id, "ann") is None
    found = await records.people.membership(ann.id, "ann")
    assert found is not None
    assert found[1] == "owner"


async def test_a_token_comes_back_with_its_user_and_times_in_utc(records: Records) -> None:
    user = await records.people.signed_in("local", "1", "ann")
    await records.people.add_token("tokentoken", user.id, kind="session", sha256="0" * 64, expires_at=NOW)
    await records.people.revoke("tokentoken")
    found = await records.people.token("tokentoken")
    assert found is not None
    assert (found.user, found.expires_at) == (user, NOW)
    assert found.revoked_at is not None
    assert found.revoked_at.tzinfo is not None


async def test_a_time_without_a_zone_is_refused(records: Records) -> None:
    user = await records.people.signed_in("local", "1", "ann")
    with pytest.raises(Exception, match="without a time zone"):
        await records.people.add_token(
            "t",
            user.id,
            kind="session",
            sha256="0" * 64,
            expires_at=datetime(2026, 1, 1),  # noqa: DTZ001
        )
