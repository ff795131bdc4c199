"""What can be read without signing in: the documentation, the API's own description, the JSON Schema of loco.toml."""

import json

from starlette.responses import PlainTextResponse, Response

from loco_server.http import openapi
from loco_server.http.call import Call
from loco_spec import docs, schema
from loco_spec.errors import NotFound

_CACHED = {"cache-control": "public, max-age=3600"}


async def loco_schema(call: Call) -> Response:
    del call
    return Response(schema.FILE.read_bytes(), media_type="application/schema+json", headers=_CACHED)


async def api_document(call: Call) -> Response:
    """Give the API's description, in OpenAPI 3.1."""
    from loco_server.http.table import ENDPOINTS  # it holds this very function

    del call
    text = json.dumps(openapi.document(ENDPOINTS), ensure_ascii=False)
    return Response(text, media_type="application/json", headers=_CACHED)


async def page(call: Call) -> Response:
    """Give a page by its name; its errors' `docs` lead here."""
    name = call.request.path_params["name"]
    text = docs.page(name)
    if text is None:
        raise NotFound(f"there is no page {name}", hint=f"there is: {', '.join(docs.pages())}")
    return PlainTextResponse(text, headers=_CACHED)
