"""Who asks, where a proxy of ours stands before the server: only on a socket that nobody but that proxy can open."""

from starlette.types import ASGIApp, Receive, Scope, Send

FROM_AFAR = "loco.from-afar"
"""In the scope of a request that came by the public address."""


def behind_envoy(app: ASGIApp) -> ASGIApp:
    """Take the client's address from the last entry of `X-Forwarded-For`, which Envoy has appended."""

    async def forwarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            values = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
            address = values[-1].decode("latin-1").rpartition(",")[2].strip() if values else ""
            scope = {**scope, "client": (address, 0), "scheme": "https", FROM_AFAR: True}
        await app(scope, receive, send)

    return forwarded
