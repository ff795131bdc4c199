"""What was tried: the list of deployments, and one with what it stands on."""

import httpx
import pytest

from loco_spec import api
from loco_spec.errors import InvalidRequest
from tests.loco_server.http.api import Api, created, refused
from tests.loco_server.http.test_rollback import ONE, SHOP, TWO, back, roll, served

pytestmark = pytest.mark.anyio


async def test_so_many_of_the_newest_are_listed(server: Api, ann: httpx.AsyncClient) -> None:
    for _ in range(3):
        await created(ann)
    answer = await ann.get(f"{SHOP}/deployments?limit=2")
    found = api.Deployments.model_validate(answer.json()).deployments
    assert [item.number for item in found] == [3, 2]
    for limit in ("0", "501", "many"):
        assert isinstance(refused(await ann.get(f"{SHOP}/deployments?limit={limit}")), InvalidRequest)


async def test_one_is_shown_with_what_it_stands_on(server: Api, ann: httpx.AsyncClient) -> None:
    await ann.post(f"{SHOP}/variables", json={"set": {"A": "s3cret"}})
    await served(server, ann, ONE, scale={"min": 2, "max": 4}, deploy={"release_command": ["migrate"]})
    await served(server, ann, TWO)
    await back(ann)
    await roll(server)
    answer = await ann.get(f"{SHOP}/deployments/v3")
    found = api.DeploymentShown.model_validate(answer.json())
    assert (found.action, found.base, found.digest, found.image_kept) == ("rollback", 1, ONE, True)
    assert (found.variables, found.replicas, found.replicas_most) == ({"A": 1}, 2, 4)
    assert found.release_command == ("migrate",)
    assert "s3cret" not in answer.text
