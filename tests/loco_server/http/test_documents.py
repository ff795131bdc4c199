"""What anybody may read: the schema for editors, and the pages that errors lead to."""

import json

import pytest

from loco_spec import docs, schema
from loco_spec.errors import InvalidRequest, NotFound
from tests.loco_server.http.api import Api, refused

pytestmark = pytest.mark.anyio


async def test_the_schema_is_served_to_anybody(server: Api) -> None:
    nobody = await server.client(None)
    answer = await nobody.get("/v1/loco.schema.json")
    assert answer.json() == json.loads(schema.FILE.read_text())
    assert answer.headers["content-type"] == "application/schema+json"


async def test_an_error_leads_to_its_page(server: Api) -> None:
    nobody = await server.client(None)
    problem = (await nobody.get("/v1/me")).json()
    page, _, heading = problem["type"].partition("#")
    answer = await nobody.get(page)
    assert answer.text == docs.page("errors.md")
    assert f"### {heading}" in answer.text


async def test_a_page_that_is_none_is_not_found(server: Api) -> None:
    nobody = await server.client(None)
    for path in ("/docs/nowhere.md", "/docs/..%2fREADME.md", "/docs/decisions"):
        answer = await nobody.get(path)
        assert answer.status_code == 404, path
    assert isinstance(refused(await nobody.get("/docs/nowhere.md")), NotFound)


async def test_a_faulty_spec_is_told_in_the_words_of_the_command_line(server: Api) -> None:
    ann = await server.client("ann")
    spec = {"name": "shop", "port": "80", "prot": 1, "routes": [{"port": "x"}], "kind": "service"}
    answer = await ann.post("/v1/teams/ann/apps/shop/deployments", json={"spec": spec})
    error = refused(answer)
    assert isinstance(error, InvalidRequest)
    assert {fault.path: fault.message for fault in error.fields} == {
        "spec.port": "expected a whole number from 1 to 65535: write it without quotes, 80",
        "spec.prot": 'unknown key; did you mean "port"?',
        "spec.routes[0].port": 'no port is named "x"; there is: http',
    }
    planned = await ann.post("/v1/teams/ann/apps/shop/deployments", json={"spec": {"name": "shop", "kind": "job"}})
    assert [fault.path for fault in refused(planned).fields] == ["spec.kind"]


async def test_a_body_without_a_spec_is_told(server: Api) -> None:
    ann = await server.client("ann")
    answer = await ann.post("/v1/teams/ann/apps/shop/deployments", json={"spec": 5, "more": 1})
    assert {fault.path for fault in refused(answer).fields} == {"spec", "more"}
