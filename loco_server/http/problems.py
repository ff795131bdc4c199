"""Errors become RFC 9457 answers: caught once, here."""

import json
import logging
from collections.abc import Iterable

from starlette.requests import Request
from starlette.responses import Response

from loco_server.records.database import why_away
from loco_spec import names
from loco_spec.errors import LocoError, RecordsAway, ServerFault, UsageError

log = logging.getLogger("loco.http")

RETRY_SECONDS = 5
"""After which records that were away are asked again."""


def request_id(request: Request) -> str:
    """Give the request's id, made when it is first asked for: in its event and in the log it is the same."""
    if not hasattr(request.state, "id"):
        request.state.id = names.new_id()
    return str(request.state.id)


def problem(error: LocoError, *, status: int | None = None) -> Response:
    headers = {"retry-after": str(error.retry_after)} if error.retry_after is not None else {}
    if error.http_status == 401:
        headers["www-authenticate"] = "Bearer"
    code = status or error.http_status
    return Response(
        json.dumps({**error.to_problem(), "status": code}),
        status_code=code,
        media_type="application/problem+json",
        headers=headers,
    )


def method_unknown(request: Request, known: Iterable[str]) -> Response:
    """Answer for a method that a path does not have: 405, with those that it has."""
    answer = problem(UsageError(f"{request.method} is not possible on {request.url.path}"), status=405)
    answer.headers["allow"] = ", ".join(sorted(known))
    return answer


def defect(request: Request, error: Exception) -> Response:
    """Answer for records that are away, and for a defect: its trace goes to the log, the request's id to the client.

    The event of what it had changed by then has the same id.
    """
    number = request_id(request)
    why = why_away(error)
    if why is not None:
        log.warning("request %s: %s %s: the records %s", number, request.method, request.url.path, why)
        return problem(
            RecordsAway(
                f"the records of the server {why}", hint="try again; or tell its operator", retry_after=RETRY_SECONDS
            )
        )
    log.error("request %s: %s %s", number, request.method, request.url.path, exc_info=error)
    return problem(
        ServerFault(f"a defect of the server (request {number})", hint="tell its operator: the log has the trace")
    )
