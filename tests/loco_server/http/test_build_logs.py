import httpx
import pytest

from loco_server.http.table import ENDPOINTS
from loco_server.policy.permissions import Permission
from loco_spec import api, paths
from loco_spec.errors import Conflict, NotFound, UsageError
from tests.loco_server.http.api import Api, created, live, refused

APP = "/v1/teams/ann/apps/shop"
LOG = f"{APP}/deployments/1/build-log"


@pytest.mark.anyio
async def test_a_log_is_put_as_text_and_read_by_number_and_as_the_newest(ann: httpx.AsyncClient) -> None:
    await created(ann)
    assert (await ann.put(LOG, content=b"#1 RUN make\n")).status_code == 204
    for path in (LOG, f"{APP}/deployments/v1/build-log", f"{APP}/build-log"):
        found = api.BuildLog.model_validate((await ann.get(path)).json())
        assert (found.team, found.app, found.deployment, found.text) == ("ann", "shop", 1, "#1 RUN make\n")


@pytest.mark.anyio
async def test_the_log_of_a_failed_build_is_read_after_the_deployment_was_cancelled(ann: httpx.AsyncClient) -> None:
    await created(ann)
    await ann.put(LOG, content=b"the reason\n")
    assert (await ann.post(f"{APP}/deployments/1/cancel")).status_code == 200
    assert (await ann.get(LOG)).json()["text"] == "the reason\n"


@pytest.mark.anyio
async def test_bytes_that_are_no_text_are_kept_as_well_as_they_can_be(ann: httpx.AsyncClient) -> None:
    await created(ann)
    assert (await ann.put(LOG, content=b"a\xff\0b")).status_code == 204
    assert (await ann.get(LOG)).json()["text"] == "a\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}b"


@pytest.mark.anyio
async def test_a_log_over_the_limit_is_refused_and_one_at_the_limit_is_not(ann: httpx.AsyncClient) -> None:
    await created(ann)
    assert isinstance(refused(await ann.put(LOG, content=b"x" * (api.BUILD_LOG_BYTES + 1))), UsageError)
    assert (await ann.put(LOG, content=b"x" * api.BUILD_LOG_BYTES)).status_code == 204


@pytest.mark.anyio
async def test_a_deployment_whose_image_was_handed_over_takes_no_log(server: Api, ann: httpx.AsyncClient) -> None:
    await live(server, ann)
    assert isinstance(refused(await ann.put(LOG, content=b"late")), Conflict)


@pytest.mark.anyio
async def test_where_there_is_no_log_nothing_is_found(server: Api, ann: httpx.AsyncClient) -> None:
    await live(server, ann)
    for path in (LOG, f"{APP}/build-log", f"{APP}/deployments/9/build-log"):
        assert isinstance(refused(await ann.get(path)), NotFound)
    assert isinstance(refused(await ann.put(f"{APP}/deployments/9/build-log", content=b"x")), NotFound)


def test_who_sees_the_app_reads_its_logs_and_only_who_deploys_puts_them() -> None:
    needed = {(each.method, each.path): each.permission for each in ENDPOINTS if each.path.endswith("build-log")}
    assert needed == {
        ("PUT", paths.BUILD_LOG): Permission.APP_DEPLOY,
        ("GET", paths.BUILD_LOG): Permission.APP_READ,
        ("GET", paths.NEWEST_BUILD_LOG): Permission.APP_READ,
    }
