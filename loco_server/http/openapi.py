"""The OpenAPI 3.1 document of the API: made from the endpoint table and the models alone."""

from collections.abc import Iterable, Iterator, Mapping
from inspect import getdoc
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from loco_server.http.endpoint import Endpoint
from loco_server.policy.permissions import Permission
from loco_spec import errors
from loco_spec.attaching import End
from loco_spec.errors import Diagnosis, FieldFault, LocoError
from loco_spec.kinds.planned import Planned
from loco_spec.version import REPEAT_HEADER, VERSION, VERSION_HEADER

Names = Mapping[Any, Any]
"""The reference to the schema of a model, by the model and whether it is read or written."""

_PLANNED = Planned.__name__
_REF = "#/components/schemas/{model}"
_PARTS = {
    "team": r"^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$",
    "app": r"^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$",
    "number": r"^v?[0-9]{1,9}$",
}
"""The parts of paths that have a form; any other is some text without a slash."""


class Problem(BaseModel):
    """An RFC 9457 answer: what was refused, why, and what to do next."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    type: str
    """Where this error is explained, on this server."""
    title: str
    status: int
    detail: str
    """What happened and where, in one sentence."""
    code: str
    """Stable: a program may look at it."""
    hint: str = ""
    """The next command to type, or the next thing to do."""
    fields: list[FieldFault] = []
    diagnosis: Diagnosis | None = None
    retry_after: int | None = None
    """Seconds after which asking again makes sense."""


def document(endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """Give the document of a table of endpoints."""
    table = list(endpoints)
    models: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {(Problem, "serialization"): None}
    for endpoint in table:
        for model, mode in _models(endpoint):
            models[model, mode] = None
    names, made = models_json_schema(list(models), ref_template=_REF)
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in table:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, names)
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": {
            "title": "loco",
            "version": VERSION,
            "description": "Requests with an unknown field are refused; answers may grow. `x-permission` is what the "
            "caller must be allowed to do; docs/security.md tells which role is.",
        },
        "paths": paths,
        "components": {
            "schemas": {name: _kept(schema) for name, schema in made["$defs"].items() if name != _PLANNED},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "loco_…"}},
        },
    }


def _models(endpoint: Endpoint) -> Iterator[tuple[type[BaseModel], JsonSchemaMode]]:
    if endpoint.request is not None:
        yield endpoint.request, "validation"
    if endpoint.opens:
        yield End, "serialization"
    if endpoint.response is not None:
        yield endpoint.response, "serialization"


def _operation(endpoint: Endpoint, names: Names) -> dict[str, Any]:
    noun = endpoint.handler.__module__.rpartition(".")[2]
    found: dict[str, Any] = {
        "operationId": f"{noun}.{endpoint.handler.__name__}",
        "tags": [noun],
        "x-permission": str(endpoint.permission),
        "security": [] if endpoint.permission is Permission.PUBLIC else [{"token": []}],
        "parameters": list(_parameters(endpoint)),
        "responses": {str(endpoint.status): _answer(endpoint, names), **_refusals(endpoint, names)},
    }
    doc = getdoc(endpoint.handler)
    if doc is not None:
        found["summary"] = doc.partition("\n")[0]
    if endpoint.action:
        found["x-event"] = endpoint.action
    if endpoint.opens:
        found["x-websocket"] = {
            "first-message": names[endpoint.request, "validation"],
            "last": names[End, "serialization"],
        }
    elif endpoint.request is not None:
        schema = names[endpoint.request, "validation"]
        needed = any(field.is_required() for field in endpoint.request.model_fields.values())
        found["requestBody"] = {"required": needed, "content": {"application/json": {"schema": schema}}}
    elif endpoint.takes:
        found["requestBody"] = {"content": {endpoint.takes: {"schema": {"type": "string"}}}}
    return found


def _parameters(endpoint: Endpoint) -> Iterator[dict[str, Any]]:
    for part in endpoint.path.split("/"):
        if part.startswith("{"):
            name = part.strip("{}")
            schema = {"type": "string", "pattern": _PARTS.get(name, r"^[^/]+$")}
            yield {"name": name, "in": "path", "required": True, "schema": schema}
    if endpoint.query is not None:
        made = endpoint.query.model_json_schema()
        for name, schema in made["properties"].items():
            text = schema.pop("description", None)
            told = {} if text is None else {"description": text}
            yield {"name": name, "in": "query", **told, "schema": _said_if_there(schema)}
    version = {"type": "string", "pattern": r"^[0-9]+\.[0-9]+\.[0-9]+$"}
    yield {"name": VERSION_HEADER, "in": "header", "description": "The client's version.", "schema": version}
    if endpoint.changes and not endpoint.opens:
        text = "The same for each sending of one request: what is sent again because its answer was lost is done once."
        yield {"name": REPEAT_HEADER, "in": "header", "description": text, "schema": {"type": "string"}}
    if "text/event-stream" in endpoint.media:
        text = "Where a stream that was cut off goes on."
        yield {"name": "Last-Event-ID", "in": "header", "description": text, "schema": {"type": "string"}}


def _said_if_there(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter is there or not; it is never null."""
    options = [option for option in schema.get("anyOf", ()) if option != {"type": "null"}]
    rest = {key: value for key, value in schema.items() if key not in {"anyOf", "title"} and value is not None}
    return {**options[0], **rest} if len(options) == 1 else rest


def _answer(endpoint: Endpoint, names: Names) -> dict[str, Any]:
    content = {media: {"schema": _plain(media)} for media in endpoint.media}
    if endpoint.response is not None:
        content["application/json"] = {"schema": names[endpoint.response, "serialization"]}
    if endpoint.opens:
        return {"description": "A WebSocket (docs/architecture.md has its messages); without an upgrade it is 426."}
    if not content:
        return {"description": "Done; there is nothing to say."}
    return {"description": "Done.", "content": content}


def _plain(media: str) -> dict[str, Any]:
    """What has no model: text, a stream, or JSON whose shape is told elsewhere."""
    if media == "text/event-stream":
        return {
            "description": "Server-sent events; each one's `data` is JSON. A last one, `end` or `error`, tells why."
        }
    return {"type": "object"} if media.endswith("json") else {"type": "string"}


def _refusals(endpoint: Endpoint, names: Names) -> dict[str, dict[str, Any]]:
    by_status: dict[int, list[str]] = {}
    for error in _errors(endpoint):
        by_status.setdefault(error.http_status, []).append(error.code)
    content = {"application/problem+json": {"schema": names[Problem, "serialization"]}}
    found: dict[str, dict[str, Any]] = {}
    for status, codes in sorted(by_status.items()):
        found[str(status)] = {"description": "Refused: " + ", ".join(f"`{code}`" for code in codes), "content": content}
        if status == 401:
            found["401"]["headers"] = {"WWW-Authenticate": {"required": True, "schema": {"const": "Bearer"}}}
    return found


def _errors(endpoint: Endpoint) -> Iterator[type[LocoError]]:
    """What an endpoint refuses with, as its shape tells it; `server-fault` is a defect, and may be anywhere."""
    yield from (errors.ClientTooOld, errors.TooManyRequests, errors.ServerFault)
    if endpoint.permission is not Permission.PUBLIC:
        yield from (errors.NotSignedIn, errors.NotAllowed)
    if "{" in endpoint.path:
        yield errors.NotFound
    if endpoint.request is not None or endpoint.query is not None or endpoint.takes:
        yield from (errors.UsageError, errors.InvalidRequest)
    if endpoint.changes and endpoint.permission is not Permission.PUBLIC:
        yield from (errors.Conflict, errors.Refused, errors.EngineUnavailable, errors.StillGoing)
    yield from endpoint.errors


def _kept(node: Any) -> Any:
    """Without the titles that only repeat a name, and without what is named only to be refused."""
    if isinstance(node, list):
        return [_kept(item) for item in node]
    if not isinstance(node, dict):
        return node
    found = {key: _kept(value) for key, value in node.items() if not (key == "title" and isinstance(value, str))}
    planned = {"$ref": _REF.format(model=_PLANNED)}
    if planned in found.get("oneOf", ()):
        [kept] = [option for option in found["oneOf"] if option != planned]
        return kept
    return found
