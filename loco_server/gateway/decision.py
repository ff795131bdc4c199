"""The one decision about each request at the registry gateway, from its first line and the token alone. Pure.

    token   may                                                              refused reads
    push    GET /v2/ · HEAD, POST, PATCH, PUT · GET and DELETE of an upload  404, in the registry's own form
    pull    GET /v2/ · GET and HEAD                                          -

Both in exactly one repository. The path is matched whole, as it came: nothing here decodes, so nothing here can decode
otherwise than the registry does.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from loco_server.gateway.tokens import Claims
from loco_server.registries.base import Action

RETRY_AFTER_SECONDS = 5

_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_DIGEST = r"[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[0-9a-fA-F]{32,128}"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"
_PATH = re.compile(
    rf"/v2/(?P<repository>{_COMPONENT}(?:/{_COMPONENT})*)/"
    rf"(?:(?P<manifest>manifests/(?:{_TAG}|{_DIGEST}))"
    rf"|(?P<blob>blobs/{_DIGEST})"
    r"|(?P<start>blobs/uploads/)"
    r"|(?P<upload>blobs/uploads/[A-Za-z0-9][A-Za-z0-9_=-]{0,127})"
    r"|(?P<tags>tags/list)"
    rf"|(?P<referrers>referrers/{_DIGEST}))",
    re.ASCII,
)
_NAME_MAX = 255
_PATH_MAX = 1024
_READS = frozenset({"GET", "HEAD"})
_WRITES = {
    ("manifest", "PUT"): frozenset[str](),
    ("start", "POST"): frozenset({"digest"}),
    ("upload", "PATCH"): frozenset({"digest", "_state"}),
    ("upload", "PUT"): frozenset({"digest", "_state"}),
    ("upload", "GET"): frozenset({"_state"}),
    ("upload", "DELETE"): frozenset({"_state"}),
}
"""(what the path names, method) → the query parameters it may have."""
_READ_PARAMETERS = {"tags": frozenset({"n", "last"}), "referrers": frozenset({"artifactType"})}
_UNKNOWN = {"manifest": "MANIFEST_UNKNOWN", "blob": "BLOB_UNKNOWN", "referrers": "MANIFEST_UNKNOWN"}


@dataclass(frozen=True)
class Request:
    """As received: nothing decoded."""

    method: str
    path: str
    query: str = ""


@dataclass(frozen=True)
class Allow:
    repository: str
    actions: tuple[Action, ...]
    """What the upstream's own credential must be good for; empty for `GET /v2/`."""


@dataclass(frozen=True)
class Deny:
    status: int
    code: str
    """The registry's own: `MANIFEST_UNKNOWN`, `UNAUTHORIZED`, …"""
    message: str
    """Never the registry's usual words for the code: Docker takes those for a passing fault, and tries for a minute."""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Challenge:
    """Where tokens are bought, as a 401 tells it."""

    realm: str
    service: str

    def header(self, scope: str | None, error: str | None) -> str:
        parts = [f'Bearer realm="{self.realm}"', f'service="{self.service}"']
        parts += [f'scope="{scope}"'] if scope else []
        parts += [f'error="{error}"'] if error else []
        return ",".join(parts)


@dataclass(frozen=True)
class _Target:
    repository: str
    kind: str
    """manifest, blob, start, upload, tags or referrers."""


def decide(
    request: Request,
    claims: Claims | None,
    *,
    is_closed: Callable[[str], bool],
    read_only: bool,
    challenge: Challenge,
    full: bool = False,
) -> Allow | Deny:
    """Say whether the request may go on to the registry.

    Args:
        request: its first line.
        claims: of a token that is ours and young enough; None for any other, and for none.
        is_closed: whether a deployment takes no image any more.
        read_only: the registry is collecting garbage.
        challenge: what a 401 tells.
        full: the registry has no room for another layer.
    """
    target = _target(request.path)
    if claims is None or is_closed(claims.deployment_key):
        return _unauthorized(request, target, challenge, None if claims is None else "invalid_token")
    if request.path in {"/v2/", "/v2"} and request.method in _READS and not request.query:
        return Allow(claims.repository, ())
    if target is None:
        return Deny(404, "NAME_UNKNOWN", "there is nothing here for this token")
    if target.repository != claims.repository:  # the same whether it is there or not
        if request.method in _READS:
            return Deny(404, "NAME_UNKNOWN", "not known to this token")
        return Deny(403, "DENIED", "this token is good for another repository")
    if "push" in claims.actions:
        return _push(request, target, read_only=read_only, challenge=challenge, full=full)
    if "pull" in claims.actions and request.method in _READS and target.kind not in {"start", "upload"}:
        if _parameters(request.query) <= _READ_PARAMETERS.get(target.kind, frozenset()):
            return Allow(target.repository, ("pull",))
        return Deny(400, "UNSUPPORTED", "a parameter that this registry does not take")
    return _unauthorized(request, target, challenge, "insufficient_scope")


def _push(request: Request, target: _Target, *, read_only: bool, challenge: Challenge, full: bool) -> Allow | Deny:
    if request.method == "HEAD" and target.kind in {"manifest", "blob"} and not request.query:
        return Allow(target.repository, ("pull",))
    allowed = _WRITES.get((target.kind, request.method))
    if allowed is None:
        if request.method in _READS:
            return Deny(404, _UNKNOWN.get(target.kind, "NAME_UNKNOWN"), "unknown to a token that only pushes")
        return Deny(405, "UNSUPPORTED", f"{request.method} is not possible here")
    parameters = _parameters(request.query)
    if target.kind == "start" and parameters & {"mount", "from"}:
        # 401 is what every client takes as "then upload it", and none as the end of the push.
        return _unauthorized(request, target, challenge, None)
    if not parameters <= allowed:
        return Deny(400, "UNSUPPORTED", "a parameter that this registry does not take")
    if full and target.kind == "start":
        # Not 5xx: the engine would try for a minute, and then show a number.
        return Deny(403, "DENIED", "no space left for images on the server's disk")
    if read_only:
        retry = {"Retry-After": str(RETRY_AFTER_SECONDS)}
        return Deny(503, "UNAVAILABLE", "the registry is tidying up and takes no pushes for a moment", retry)
    return Allow(target.repository, ("push",))


def _target(path: str) -> _Target | None:
    match = _PATH.fullmatch(path) if len(path) <= _PATH_MAX else None
    if match is None or len(match["repository"]) > _NAME_MAX:
        return None
    (kind,) = (name for name, found in match.groupdict().items() if found and name != "repository")
    return _Target(match["repository"], kind)


def _parameters(query: str) -> frozenset[str]:
    """Give the names of the parameters as they stand: an encoded name is another name, and refused as such."""
    return frozenset(part.partition("=")[0] for part in query.split("&") if query)


def _unauthorized(request: Request, target: _Target | None, challenge: Challenge, error: str | None) -> Deny:
    scope = None
    if target is not None:
        scope = f"repository:{target.repository}:{'pull' if request.method in _READS else 'pull,push'}"
    headers = {"Www-Authenticate": challenge.header(scope, error)}
    return Deny(401, "UNAUTHORIZED", "authentication required: no token, or one that has ended", headers)
