"""The logs of builds: put as plain text, read as JSON."""

from starlette.responses import Response

from loco_server.http.call import Call
from loco_spec import api
from loco_spec.errors import UsageError


async def keep(call: Call) -> Response:
    raw = bytearray()
    async for chunk in call.request.stream():
        raw += chunk
        if len(raw) > api.BUILD_LOG_BYTES:
            raise UsageError(f"the build log is larger than {api.BUILD_LOG_BYTES >> 20} MiB; send its newest lines")
    await call.services.build_logs.keep(call.of_app, call.number, bytes(raw).decode(errors="replace"))
    return Response(status_code=204)


async def read(call: Call) -> api.BuildLog:
    return await call.services.build_logs.read(call.of_app, call.number)


async def newest(call: Call) -> api.BuildLog:
    return await call.services.build_logs.read(call.of_app, None)
