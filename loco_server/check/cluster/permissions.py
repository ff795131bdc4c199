"""What the server may do, asked of the API itself: each verb of the shipped role, and no way to a Secret."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loco_server.check.cluster.asking import ADMINISTRATOR, SERVER, SYSTEM, Asker
from loco_server.check.cluster.shipped import shipped
from loco_server.check.finding import CannotLookError, Finding, missing, ok, unknown

NAME, SECRETS = "permissions", "secrets-unread"
_FIX = "kubectl apply -f deploy/kubernetes/base/cluster-role.yaml, of this version"
_GROUP = "/apis/authorization.k8s.io/v1"


@dataclass(frozen=True)
class Right:
    verb: str
    group: str
    resource: str
    """`pods`, or with a part of it: `pods/log`."""
    namespace: str = ""
    """Empty: in all of them."""

    def __str__(self) -> str:
        of = f".{self.group}" if self.group else ""
        return f"{self.verb} {self.resource}{of}" + (f" in {self.namespace}" if self.namespace else "")


def needed(rules: Sequence[Mapping[str, Any]]) -> tuple[Right, ...]:
    """Give every single right of a role's rules."""
    return tuple(
        Right(verb, group, resource)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    )


FORBIDDEN = tuple(
    Right(verb, "", "secrets", namespace) for namespace in ("", SYSTEM) for verb in ("get", "list", "watch", "patch")
)


def judge(allowed: Mapping[Right, bool]) -> Finding:
    lacking = [str(right) for right, may in allowed.items() if not may]
    if lacking:
        return missing(NAME, f"the server may not: {', '.join(lacking)}", _FIX)
    return ok(NAME, f"the server may do all {len(allowed)} things that its role gives")


def secrets(allowed: Mapping[Right, bool]) -> Finding:
    much = [str(right) for right, may in allowed.items() if may]
    if much:
        return missing(
            SECRETS,
            f"the server may {', '.join(much)}: it must not read Secrets",
            f"take away what was bound to it beside its role: kubectl get rolebindings,clusterrolebindings -A -o wide"
            f" | grep -e {SERVER.rpartition(':')[2]} -e system:serviceaccounts -e system:authenticated",
        )
    return ok(SECRETS, "the server can read no Secret")


async def look(asker: Asker) -> Finding:
    return judge(await _allowed(asker, needed(shipped().rules)))


async def look_at_secrets(asker: Asker) -> Finding:
    try:
        return secrets(await _allowed(asker, FORBIDDEN))
    except CannotLookError as e:
        return unknown(SECRETS, e.said, e.fix)


async def _allowed(asker: Asker, rights: Sequence[Right]) -> dict[Right, bool]:
    """Ask about the server: as itself where this is its own account, else as somebody who may ask about others.

    Raises:
        CannotLookError: this is another account, and may not.
    """
    me = await asker.ask("/apis/authentication.k8s.io/v1/selfsubjectreviews", _review("SelfSubjectReview"))
    itself = _status(me).get("userInfo", {}).get("username") == SERVER
    found = await asyncio.gather(*(_may(asker, right, itself=itself) for right in rights))
    return dict(zip(rights, found, strict=True))


async def _may(asker: Asker, right: Right, *, itself: bool) -> bool:
    resource, _, part = right.resource.partition("/")
    attributes = {"verb": right.verb, "group": right.group, "resource": resource}
    attributes |= {"subresource": part} if part else {}
    attributes |= {"namespace": right.namespace} if right.namespace else {}
    spec: dict[str, Any] = {"resourceAttributes": attributes}
    if itself:
        kind, plural = "SelfSubjectAccessReview", "selfsubjectaccessreviews"
    else:
        kind, plural = "SubjectAccessReview", "subjectaccessreviews"
        of = ("system:serviceaccounts", f"system:serviceaccounts:{SYSTEM}", "system:authenticated")
        spec |= {"user": SERVER, "groups": list(of)}
    answer = _status(await asker.ask(f"{_GROUP}/{plural}", _review(kind, spec)))
    if answer.get("evaluationError") and not answer.get("allowed"):
        raise CannotLookError(f"the API could not tell: {answer['evaluationError']}"[:200], ADMINISTRATOR)
    return bool(answer.get("allowed"))


def _review(kind: str, spec: Mapping[str, Any] | None = None) -> dict[str, Any]:
    group = "authentication.k8s.io" if kind == "SelfSubjectReview" else "authorization.k8s.io"
    found: dict[str, Any] = {"apiVersion": f"{group}/v1", "kind": kind}
    return found if spec is None else found | {"spec": dict(spec)}


def _status(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = answer.get("status") or {}
    return found
