"""What is to be said of the platform: server, clock, token, registry, names, quotas, the last deployment. Pure."""

import re
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from loco_cli.config import Choice, is_loopback
from loco_cli.ui.results import Finding, FindingState
from loco_spec.api import Deployment, Me, Server
from loco_spec.changes import Plan, QuotaUse
from loco_spec.diagnosis import NOTES
from loco_spec.quota import worded
from loco_spec.version import version_tuple

SKEW_SECONDS = 60.0
SOON = timedelta(days=7)
NEARLY = 0.8
_REALM = re.compile(r'realm="([^"]*)"')


def server(found: Server, ours: str, chosen: Choice) -> Finding:
    detail = (f"version: {found.version}", f"minimum: {found.minimum_version}", f"this loco: {ours}")
    said = f"{chosen.value} (from {chosen.source}), version {found.version}"
    try:
        own, theirs = version_tuple(ours), version_tuple(found.version)
        least = version_tuple(found.minimum_version)
    except ValueError:
        return Finding(name="server", state="note", message=f"{said}; this loco is {ours}", detail=detail)
    if own < least:
        message = f"{said} needs loco {found.minimum_version} or newer, and this is {ours}"
        return Finding(name="server", state="wrong", message=message, fix="upgrade loco", detail=detail)
    if own[:2] > theirs[:2]:
        message = f"{said} is older than this loco ({ours}), and may refuse what it does not know yet"
        return Finding(
            name="server", state="note", message=message, fix="ask its operator for an upgrade", detail=detail
        )
    return Finding(name="server", state="ok", message=f"{said}; this loco is {ours}", detail=detail)


def clock(ahead: float) -> Finding:
    """Judge by how many seconds this machine's clock is ahead of the server's; fewer than none: behind."""
    if abs(ahead) <= SKEW_SECONDS:
        return Finding(name="clock", state="ok", message=f"as the server's, within {max(1, round(abs(ahead)))} s")
    if ahead > 0:
        breaks = "fresh registry tokens look old to the engine, and certificates and sign-ins over before they are"
    else:
        breaks = "the engine takes registry tokens for good that have ended, so long pushes fail; new certificates too"
    message = f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the server's: {breaks}"
    return Finding(name="clock", state="wrong", message=message, fix="timedatectl set-ntp true, or ntpdate")


def token(me: Me, source: str, *, team: str | None, app: str | None, now: datetime) -> Finding:
    """Judge the token by what the server says of it; its text is no part of that."""
    scope = me.token
    ends = f", until {me.expires_at:%Y-%m-%d %H:%M} UTC" if me.expires_at is not None else ""
    if scope is None or scope.can is None:
        longer = ", longer with each use" if ends else ""
        said = f"{me.user}, signed in ({source}){ends}{longer}"
        if team is not None and team not in {each.name for each in me.teams}:
            teams = ", ".join(each.name for each in me.teams) or "none"
            message = f"{me.user} is not in team {team}; only in: {teams}"
            return Finding(name="token", state="wrong", message=message, fix="ask an owner of it: loco teams invite")
        return Finding(name="token", state="ok", message=said, detail=(f"kind: {scope.kind if scope else '?'}",))
    place = "/".join(part for part in (scope.team, scope.app) if part)
    said = f"{scope.kind} token {scope.name or scope.id} ({source}): {scope.can} in {place}{ends}"
    detail = (f"kind: {scope.kind}", f"can: {scope.can}", f"for: {place}")

    def finding(state: FindingState, message: str, fix: str = "") -> Finding:
        return Finding(name="token", state=state, message=message, fix=fix, detail=detail)

    make = f"loco tokens create NAME --can deploy --team {team or scope.team}"
    if (team is not None and scope.team not in {None, team}) or (app is not None and scope.app not in {None, app}):
        return finding("wrong", f"{said}; it is not for {team}/{app}", make)
    if scope.can == "read":
        return finding("wrong", f"{said}; it only reads, and deploys nothing", make)
    if scope.kind == "access" and me.expires_at is not None and me.expires_at - now < SOON:
        return finding("note", f"{said}: soon", make)
    return finding("ok", said)


def registry(name: str, status: int, challenge: str, server_url: str, *, engine: bool) -> Finding:
    """Judge what the registry gateway answers to nobody; `engine`: whether the engine was there to be answered too."""

    def wrong(said: str, fix: str) -> Finding:
        return Finding(name="registry", state="wrong", message=f"{name} {said}", fix=fix)

    if status in {502, 503, 504}:
        return wrong(f"answers {status}: the gateway asks the server, and gets no answer", "ask the operator")
    if status != 401 or 'service="loco-registry"' not in challenge:
        return wrong(
            f"answers {status} without loco's challenge: it is another registry, or no gateway",
            "see that nothing else listens there, and which proxy is on the way",
        )
    match = _REALM.search(challenge)
    realm = match[1] if match else ""
    if is_loopback(realm) and not is_loopback(server_url):
        return wrong(
            f"sends the engine to {realm} for tokens, which is this machine", "the operator sets the server's domain"
        )
    return Finding(
        name="registry",
        state="ok",
        message=f"{name} answers this machine{' and the engine' if engine else ''}, and asks for a token",
        detail=(f"realm: {realm}",),
    )


def dns(host: str, found: Collection[str], expected: Collection[str], *, domain: str, via: str) -> Finding:
    """Judge where a route's host leads. `found`, `expected`: addresses; `via`: a name of the platform."""
    detail = (f"found: {', '.join(sorted(found))}", f"expected: {', '.join(sorted(expected))}")

    def finding(state: FindingState, message: str, fix: str = "") -> Finding:
        return Finding(name="dns", state=state, message=message, fix=fix, detail=detail)

    if host == "localhost" or host.endswith(".localhost"):
        some = "" if found else "; other programs may not: they need a line in /etc/hosts"
        return finding("ok", f"{host} is found by browsers and curl{some}")
    if found and expected and not set(found) & set(expected):
        message = f"{host} leads to {_some(found)}, and the platform is at {_some(expected)}"
        return finding(
            "note", message, f"right only with a proxy of yours before it; else: {_record(host, expected, via)}"
        )
    if found:
        return finding("ok", f"{host} leads to {_some(found)}")
    if host.endswith(f".{domain}"):
        return finding("wrong", f"{host} leads nowhere", f"the operator makes the record *.{domain}")
    return finding("wrong", f"{host} leads nowhere", f"make the record {_record(host, expected, via)}")


def _record(host: str, expected: Collection[str], via: str) -> str:
    if is_loopback(f"//{via}") or not via or via.replace(".", "").isdigit():
        return f"{host} A {_some(expected)}"
    return f"{host} CNAME {via} (or A {_some(expected)})"


def _some(addresses: Collection[str]) -> str:
    return " ".join(sorted(addresses)[:3])


def quota(found: Plan) -> Finding:
    """Judge what the team would have with this deployment, and the server's no to it."""
    detail = tuple(f"{each.name}: {_used(each)}" for each in found.quotas)
    for problem in found.refused:
        if problem.get("code") == "refused":
            message, fix = str(problem.get("detail")), str(problem.get("hint", ""))
            return Finding(name="quota", state="wrong", message=message, fix=fix, detail=detail)
    if not found.quotas:
        return Finding(name="quota", state="unknown", message="the server is older, and does not tell")
    nearly = [each for each in found.quotas if each.used + each.needed >= NEARLY * each.limit and each.needed]
    shown = nearly or [each for each in found.quotas if each.name in {"cpu", "memory", "replicas"}]
    message = f"with this deploy team {found.team} has " + ", ".join(
        f"{each.name.replace('_', ' ')} {_used(each)}" for each in shown
    )
    if nearly:
        return Finding(name="quota", state="note", message=message, fix="ask the operator for more", detail=detail)
    return Finding(name="quota", state="ok", message=message, detail=detail)


def _used(each: QuotaUse) -> str:
    return f"{worded(each.name, each.used + each.needed)} of {worded(each.name, each.limit)}"


def plan(found: Plan) -> Finding:
    """Judge what else the server would refuse: a host that is taken, a permission, a suspension."""
    refused = [each for each in found.refused if each.get("code") != "refused"]
    said = (*found.notes, *found.engine)
    if refused:
        detail = tuple(str(each.get("detail")) for each in refused)
        more = f", and {len(refused) - 1} more" if len(refused) > 1 else ""
        fix = str(refused[0].get("hint", "")) or "loco deploy --dry-run"
        return Finding(name="plan", state="wrong", message=detail[0] + more, fix=fix, detail=detail)
    message = "the server would take this deploy" + "".join(f"; {each}" for each in said[:2])
    return Finding(name="plan", state="ok", message=message, detail=said)


def deployment(item: Deployment, causes: Sequence[str]) -> Finding:
    """Judge the deployment that there is something to tell of; `causes`: what is wrong although it serves."""
    number = f"v{item.number}"
    fix = f"loco doctor {number}, shown below"
    if item.state == "failed":
        reason = (item.reason or "").partition("\n")[0]
        message = f"{number} failed{': ' if reason else ''}{reason}, and nothing newer is live"
        return Finding(name="deployment", state="wrong", message=message, fix=fix)
    if causes:
        state: FindingState = "note" if NOTES.issuperset(causes) else "wrong"
        message = f"{number} is {item.state}, but: {', '.join(causes)}"
        return Finding(name="deployment", state=state, message=message, fix=fix)
    return Finding(name="deployment", state="ok", message=f"{number} is {item.state}; nothing is wrong with it")
