"""The one error tree. Raised deep, caught once: in `loco_cli/command_line.py` and in `loco_server/http/problems.py`.

    LocoError
    ├── UsageError                 2   the command line is off
    │   ├── ConfigError            2   loco.toml is
    │   └── InvalidRequest         2   a request that the server's wire does not know
    ├── BuildFailed                3   everything up to the pushed image
    │   ├── EngineUnavailable      3   no container engine, or it stopped
    │   ├── RegistryUnreachable    3   the engine cannot reach the registry
    │   ├── PushFailed             3   the push was cut or refused
    │   ├── ImageUnavailable       3   the image that loco.toml names cannot be had
    │   └── SecretFilesFound       3   the build context holds what looks like a secret
    ├── NotSignedIn                4
    │   ├── SignInPending          4   the person has not confirmed yet: ask again after `retry_after`
    │   │   └── SignInSlowDown     4   asked too soon: from now on after `retry_after`
    │   ├── SignInDenied           4   the person said no
    │   ├── SignInExpired          4   over time
    │   ├── SignInDisabled         4   the provider does not take the server's client
    │   └── ProviderDown           7   the provider gives no answer
    ├── NotAllowed                 4
    ├── NotFound                   5   also: another team's thing
    ├── Conflict                   1   what was asked does not fit the state it is asked of
    ├── Refused                    1   a quota, a limit, no room
    │   └── ImageRefused           6   a gate said no: root, size, platform, digest
    ├── TooManyRequests            1   within a while; ask again after `retry_after`
    ├── DeploymentFailed           6   with the diagnosis
    ├── Superseded                 6   a newer deployment came first
    ├── InstanceGone               6   what was attached to has ended
    ├── ServerUnreachable          7
    │   └── RecordsAway            7   the server runs, and cannot read or write its records now
    ├── StillGoing                 8   the wait ended, the deployment or the destroy goes on
    ├── ClientTooOld               1
    ├── ServerFault                1   a defect of the server, with the request's id
    └── Interrupted              130

The wire form is RFC 9457 problem+json (`to_problem`, `from_problem`): the client rebuilds the class the server raised.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from loco_spec.diagnosis import Cause as Cause  # noqa: PLC0414  whoever raises errors finds it here
from loco_spec.diagnosis import Diagnosis as Diagnosis  # noqa: PLC0414  whoever raises errors finds it here
from loco_spec.diagnosis import Fact as Fact  # noqa: PLC0414  whoever raises errors finds it here
from loco_spec.exits import Exit


class FieldFault(BaseModel):
    """One thing wrong with one part of what was sent or written: a key of loco.toml, a field of a request."""

    model_config = ConfigDict(defer_build=True, frozen=True)

    path: str
    """Dotted: `health.interval`, `ports[0].port`."""
    message: str
    """What was expected, and the nearest name where there is one."""
    file: str | None = None
    """Where it stands in a file; line and column begin at 1, columns count characters."""
    line: int | None = None
    column: int | None = None
    width: int | None = None
    source: str | None = None
    """The whole line."""


class LocoError(Exception):
    """Base of everything that loco says no with.

    Attributes:
        message: what happened, where, in one sentence.
        hint: the next command to type, or the next thing to do. May be empty.
        fields: one entry for each faulty part.
        diagnosis: why a rollout failed.
    """

    code: ClassVar[str] = "failed"
    http_status: ClassVar[int] = 500
    exit_code: ClassVar[Exit] = Exit.FAILED
    by_code: ClassVar[dict[str, type["LocoError"]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        LocoError.by_code[cls.code] = cls

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        fields: Sequence[FieldFault] = (),
        diagnosis: Diagnosis | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.fields = tuple(fields)
        self.diagnosis = diagnosis
        self.retry_after = retry_after
        """Seconds after which asking again makes sense."""

    @property
    def docs(self) -> str:
        """Where the error is explained: a heading in docs/errors.md, which every server has under this path too."""
        return f"docs/errors.md#{self.code}"

    def to_problem(self) -> dict[str, Any]:
        """Give the body of an RFC 9457 answer."""
        problem: dict[str, Any] = {
            "type": f"/{self.docs}",
            "title": self.code.replace("-", " "),
            "status": self.http_status,
            "detail": self.message,
            "code": self.code,
        }
        if self.hint:
            problem["hint"] = self.hint
        if self.fields:
            problem["fields"] = [fault.model_dump(exclude_none=True) for fault in self.fields]
        if self.diagnosis is not None:
            problem["diagnosis"] = self.diagnosis.model_dump(mode="json")
        if self.retry_after is not None:
            problem["retry_after"] = self.retry_after
        return problem


class UsageError(LocoError):
    code = "usage"
    http_status = 400
    exit_code = Exit.USAGE


class ConfigError(UsageError):
    code = "config-invalid"
    http_status = 422


class InvalidRequest(UsageError):
    code = "invalid-request"
    http_status = 422


class BuildFailed(LocoError):
    code = "build-failed"
    http_status = 422
    exit_code = Exit.BUILD_FAILED


class EngineUnavailable(BuildFailed):
    code = "engine-unavailable"
    http_status = 503


class RegistryUnreachable(BuildFailed):
    code = "registry-unreachable"
    http_status = 503


class PushFailed(BuildFailed):
    code = "push-failed"
    http_status = 502


class ImageUnavailable(BuildFailed):
    code = "image-unavailable"
    http_status = 424


class SecretFilesFound(BuildFailed):
    code = "secret-files"


class NotSignedIn(LocoError):
    code = "not-signed-in"
    http_status = 401
    exit_code = Exit.NOT_ALLOWED


class SignInPending(NotSignedIn):
    code = "sign-in-pending"
    http_status = 428


class SignInSlowDown(SignInPending):
    code = "sign-in-slow-down"
    http_status = 429


class SignInDenied(NotSignedIn):
    code = "sign-in-denied"
    http_status = 403


class SignInExpired(NotSignedIn):
    code = "sign-in-expired"
    http_status = 410


class SignInDisabled(NotSignedIn):
    code = "sign-in-disabled"
    http_status = 403


class ProviderDown(NotSignedIn):
    code = "provider-down"
    http_status = 503
    exit_code = Exit.SERVER_UNREACHABLE


class NotAllowed(LocoError):
    code = "not-allowed"
    http_status = 403
    exit_code = Exit.NOT_ALLOWED


class NotFound(LocoError):
    code = "not-found"
    http_status = 404
    exit_code = Exit.NOT_FOUND


class Conflict(LocoError):
    code = "conflict"
    http_status = 409


class Refused(LocoError):
    code = "refused"
    http_status = 507


class ImageRefused(Refused):
    code = "image-refused"
    http_status = 422
    exit_code = Exit.DEPLOYMENT_FAILED


class TooManyRequests(LocoError):
    code = "too-many-requests"
    http_status = 429


class DeploymentFailed(LocoError):
    code = "deployment-failed"
    http_status = 409
    exit_code = Exit.DEPLOYMENT_FAILED


class Superseded(LocoError):
    code = "superseded"
    http_status = 409
    exit_code = Exit.DEPLOYMENT_FAILED


class InstanceGone(LocoError):
    code = "instance-gone"
    http_status = 410
    exit_code = Exit.DEPLOYMENT_FAILED


class ServerUnreachable(LocoError):
    code = "server-unreachable"
    http_status = 503
    exit_code = Exit.SERVER_UNREACHABLE


class RecordsAway(ServerUnreachable):
    code = "records-away"


class StillGoing(LocoError):
    code = "still-going"
    http_status = 504
    exit_code = Exit.STILL_GOING


class ClientTooOld(LocoError):
    code = "client-too-old"
    http_status = 426


class ServerFault(LocoError):
    code = "server-fault"
    http_status = 500


class Interrupted(LocoError):
    code = "interrupted"
    http_status = 499
    exit_code = Exit.INTERRUPTED


def from_problem(problem: Mapping[str, Any], *, status: int) -> LocoError:
    """Rebuild what the server raised. An unknown code falls back on the status, then on the base class."""
    cls = LocoError.by_code.get(str(problem.get("code", "")))
    if cls is None:
        cls = {401: NotSignedIn, 403: NotAllowed, 404: NotFound, 409: Conflict, 426: ClientTooOld}.get(
            status, LocoError
        )
    diagnosis = problem.get("diagnosis")
    retry_after = problem.get("retry_after")
    return cls(
        str(problem.get("detail") or problem.get("title") or f"the server answered {status}"),
        hint=str(problem.get("hint", "")),
        fields=[FieldFault.model_validate(fault) for fault in problem.get("fields", ())],
        diagnosis=None if diagnosis is None else Diagnosis.model_validate(diagnosis),
        retry_after=retry_after if isinstance(retry_after, int) else None,
    )
