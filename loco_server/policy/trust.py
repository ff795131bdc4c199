"""Which CI jobs are trusted, and from where an app may be deployed. Pure.

A rule names a repository by numbers that are its own for ever: whoever registers a name that became free gets nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from loco_server.records.values import TrustRuleRecord, Wanted


@dataclass(frozen=True)
class Forge:
    """What the tokens of a kind of issuer call the things that matter."""

    ids: tuple[str, str]
    """Repository and owner, both immutable."""
    name: str
    ref: str
    event: str
    untrusted: tuple[str, ...]
    """Events that start so run what anybody may have sent in."""
    actor: str


FORGES: Mapping[str, Forge] = MappingProxyType(
    {
        "github": Forge(
            ids=("repository_id", "repository_owner_id"),
            name="repository",
            ref="ref",
            event="event_name",
            untrusted=("pull_request",),
            actor="actor_id",
        ),
        "gitlab": Forge(
            ids=("project_id", "namespace_id"),
            name="project_path",
            ref="ref_path",
            event="pipeline_source",
            untrusted=("merge_request", "external_pull_request"),
            actor="user_id",
        ),
    }
)


@dataclass(frozen=True)
class Miss:
    reason: str


def wanted(
    forge: Forge,
    *,
    repository_id: str,
    owner_id: str,
    ref: str | None,
    environment: str | None,
    actors: Sequence[str] = (),
) -> dict[str, Wanted]:
    """Give what a rule asks of a token; with neither ref nor environment that it is of the branch main, not of any."""
    found: dict[str, Wanted] = {forge.ids[0]: repository_id, forge.ids[1]: owner_id}
    if environment is not None:
        found["environment"] = environment
    if ref is not None or environment is None:
        found[forge.ref] = _full(ref or "main")
    if actors:
        found[forge.actor] = list(actors)
    return found


def job(forge: Forge, claims: Mapping[str, Any]) -> str:
    """Name a job as people know it: `acme/shop@refs/heads/main`."""
    return f"{_said(claims, forge.name)}@{_said(claims, forge.ref)}"


def match(
    rules: Sequence[TrustRuleRecord], forge: Forge, issuer: str, claims: Mapping[str, Any]
) -> list[TrustRuleRecord] | Miss:
    """Give the rules that trust a job, or why none does.

    The reason tells what the token says, and of a rule only that it is about this very repository: who does not hold
    the repository learns nothing of rules, and who does learns no value that a rule wants.
    """
    event = claims.get(forge.event)
    if not isinstance(event, str) or event.startswith(forge.untrusted):
        return Miss(f"a job with {forge.event} {_said(claims, forge.event)} is never trusted")
    own = [
        rule
        for rule in rules
        if rule.issuer == issuer and all(_fits(rule.claims.get(name), claims.get(name)) for name in forge.ids)
    ]
    if not own:
        ids = ", ".join(f"{name} {_said(claims, name)}" for name in forge.ids)
        return Miss(f"no rule trusts {_said(claims, forge.name)} ({ids})")
    misses = {rule.id: _misses(rule, claims) for rule in own}
    found = [rule for rule in own if not misses[rule.id]]
    if found:
        return found
    nearest = min(misses.values(), key=len)
    said = ", ".join(f"{name} {_said(claims, name)}" for name in nearest)
    return Miss(f"a rule trusts {_said(claims, forge.name)}, but not with {said}")


def chosen(rules: Sequence[TrustRuleRecord], app: str | None) -> TrustRuleRecord | Miss:
    """Of the rules that trust a job take the narrowest: the app's own, else the whole team's."""
    fitting = [rule for rule in rules if rule.app is None or app in {None, rule.app}]
    if not fitting:
        return Miss(f"the job is trusted with other apps, and not with {app}")
    of_team = [rule for rule in fitting if rule.app is None]
    of_apps = [rule for rule in fitting if rule.app is not None]
    if app is None and of_team:
        return of_team[0]
    if len({rule.app for rule in of_apps}) > 1:
        return Miss("the job is trusted with several apps; say which one")
    return (of_apps or of_team)[0]


def may_deploy(app: str, source: str, deployers: Sequence[str], *, user_id: str, token_kind: str) -> str | None:
    """Say why somebody may not deploy an app that only CI deploys; None: they may."""
    if source != "ci" or token_kind == "ci" or user_id in deployers:  # noqa: S105  a kind of token
        return None
    allowed = "nobody else" if not deployers else f"{len(deployers)} listed user{'s' if len(deployers) > 1 else ''}"
    return f"{app} is deployed by trusted CI jobs and {allowed}"


def _misses(rule: TrustRuleRecord, claims: Mapping[str, Any]) -> list[str]:
    """Name the claims that do not fit."""
    found = [] if _has_audience(claims.get("aud"), rule.audience) else ["aud"]
    return found + [name for name, value in rule.claims.items() if not _fits(value, claims.get(name))]


def _has_audience(said: Any, audience: str) -> bool:
    """A token for several audiences could be used here by any of them."""
    return said in (audience, [audience])


def _fits(value: Wanted | None, said: Any) -> bool:
    if not isinstance(said, str | int) or isinstance(said, bool) or said == "":
        return False
    text = str(said)
    if isinstance(value, str):
        return text.startswith(value[:-1]) if _is_pattern(value) else text == value
    return value is not None and text in value


def _is_pattern(value: str) -> bool:
    return value.startswith(("refs/heads/", "refs/tags/")) and value.endswith("*")


def _full(ref: str) -> str:
    return ref if ref.startswith("refs/") else f"refs/heads/{ref}"


def _said(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    return "(none)" if value is None else str(value)[:200]
