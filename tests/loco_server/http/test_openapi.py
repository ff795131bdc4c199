"""/openapi.json: whole, valid, and true to the errors that there are."""

import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from loco_server.http import openapi
from loco_server.http.table import ENDPOINTS
from loco_server.policy.permissions import Permission
from loco_spec.errors import Diagnosis, FieldFault, LocoError
from tests.loco_server.http.api import Api

pytestmark = pytest.mark.anyio

DOCUMENT = openapi.document(ENDPOINTS)


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from nodes(child)


def found(reference: str) -> Any:
    node: Any = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        node = node[part]
    return node


def operation(method: str, path: str) -> dict[str, Any]:
    told: dict[str, Any] = DOCUMENT["paths"][path][method.lower()]
    return told


async def test_anybody_may_read_it(server: Api) -> None:
    nobody = await server.client(None)
    assert (await nobody.get("/openapi.json")).json() == DOCUMENT


def test_it_is_openapi_3_1() -> None:
    OpenAPIV31SpecValidator(DOCUMENT).validate()


def test_every_endpoint_is_in_it_and_nothing_else() -> None:
    told = {(method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item}
    assert told == {(endpoint.method, endpoint.path) for endpoint in ENDPOINTS}
    names = [operation(endpoint.method, endpoint.path)["operationId"] for endpoint in ENDPOINTS]
    assert len(set(names)) == len(names)


def test_every_reference_leads_to_something_and_every_schema_is_used() -> None:
    references = {node["$ref"] for node in nodes(DOCUMENT) if isinstance(node.get("$ref"), str)}
    assert references
    for reference in references:
        assert isinstance(found(reference), dict), reference
    assert set(DOCUMENT["components"]["schemas"]) == {reference.rpartition("/")[2] for reference in references}


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: f"{endpoint.method} {endpoint.path}")
def test_an_endpoint_is_told_as_the_table_has_it(endpoint: Any) -> None:
    told = operation(endpoint.method, endpoint.path)
    assert told["x-permission"] == endpoint.permission
    public = endpoint.permission is Permission.PUBLIC
    assert told["security"] == ([] if public else [{"token": []}])
    assert ("401" in told["responses"]) is (not public) or endpoint.errors
    paths = [part["name"] for part in told["parameters"] if part["in"] == "path"]
    assert paths == re.findall(r"{(\w+)}", endpoint.path)
    content = told["responses"][str(endpoint.status)].get("content", {})
    assert bool(content) is (endpoint.status not in {101, 204})
    sent = (endpoint.request is not None or bool(endpoint.takes)) and not endpoint.opens
    assert ("requestBody" in told) is sent
    assert ("x-websocket" in told) is endpoint.opens


@pytest.mark.parametrize("error", [LocoError.by_code[code] for code in sorted(LocoError.by_code)])
def test_every_error_has_the_form_that_it_tells(error: type[LocoError]) -> None:
    schema = {**found("#/components/schemas/Problem"), "components": DOCUMENT["components"]}
    diagnosis = Diagnosis(phase="health", seconds=1.5, cause="exited", message="it exited", hint="look")
    whole = error("no", hint="yes", fields=[FieldFault(path="a", message="b")], diagnosis=diagnosis, retry_after=3)
    for problem in (error("no").to_problem(), whole.to_problem()):
        jsonschema.validate(problem, schema)
        assert problem.keys() <= schema["properties"].keys()


def test_what_is_named_only_to_be_refused_is_not_offered() -> None:
    spec = DOCUMENT["components"]["schemas"]["DeploymentCreate"]["properties"]["spec"]
    assert spec == {"$ref": "#/components/schemas/Service"}
