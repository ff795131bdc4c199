"""What the operator's commands print: a function a type."""

from collections.abc import Sequence
from datetime import UTC
from functools import singledispatch

from pydantic import BaseModel

from loco_server.admin import wire
from loco_spec import teams
from loco_spec.audit import AuditEvent, AuditEvents
from loco_spec.quota import worded
from loco_spec.values import human_bytes


def ordered(found: Sequence[wire.TeamLoad], by: str) -> tuple[wire.TeamLoad, ...]:
    """The busiest first."""
    field = {"cpu": "cpu_millis", "memory": "memory_bytes"}.get(by, by)
    return tuple(sorted(found, key=lambda item: (-getattr(item, field), item.team)))


@singledispatch
def lines(value: BaseModel) -> list[str]:
    """Give what people read."""
    return [f"{name}: {item}" for name, item in value.model_dump(mode="json").items()]


@lines.register
def _(value: wire.Suspended) -> list[str]:
    found = [f"{value.kind} {value.name} is suspended: {value.reason}"]
    found += [f"  stopped {app}" for app in value.apps]
    if value.pushes:
        found.append(f"  {value.pushes} deployment{'s' if value.pushes > 1 else ''} under way cancelled")
    return [*found, f"next: loco-server admin resume {value.kind} {value.name}"]


@lines.register
def _(value: wire.Resumed) -> list[str]:
    found = [f"{value.kind} {value.name} may go on", *(f"  starts again: {app}" for app in value.apps)]
    return found if value.still is None else [*found, f"  but: {value.still}"]


@lines.register
def _(value: wire.Overview) -> list[str]:
    found = [] if value.engine is None else [f"processor and memory are not known: {value.engine}"]
    if value.teams:
        width = max(4, *(len(item.team) for item in value.teams))
        found.append(f"{'team':<{width}}  apps  running     cpu    memory  deployments  failed   (24 h)")
        found += [
            f"{item.team:<{width}}  {item.apps:>4}  {item.instances:>7}  {item.cpu_millis / 1000:>6.2f}"
            f"  {human_bytes(item.memory_bytes):>8}  {item.deployments:>11}  {item.failures:>6}"
            for item in value.teams
        ]
    else:
        found.append("no team has an app yet")
    return [*found, *(f"suspended: {each.kind} {each.name} ({each.reason})" for each in value.suspended)]


_MODES = {
    "off": "off: nothing is done or logged (LOCO_LIFECYCLE)",
    "dry-run": "dry run: nothing is done, what would be is logged once a day; LOCO_LIFECYCLE=on does it",
    "on": "on: what is due is done once a day",
}


@lines.register
def _(value: wire.Lifecycle) -> list[str]:
    warned, stopped, deleted = value.unused_days, value.warned_days, value.stopped_days
    times = f"warned about after {warned} days, stopped {stopped} later, deleted {deleted} later"
    found = [_MODES[value.mode], f"unused apps are {times}"]
    if not value.apps:
        return [*found, "no team has an app yet"]
    width = max(3, *(len(f"{each.team}/{each.app}") for each in value.apps))
    found.append(f"{'app':<{width}}  {'last used':<10}  {'state':<7}  {'next':<6}  {'on':<10}  why")
    for each in value.apps:
        on = "-" if each.at is None else "now" if each.due != "none" else f"{each.at:%Y-%m-%d}"
        name, last = f"{each.team}/{each.app}", f"{each.last_used:%Y-%m-%d}"
        then = "-" if each.next == "none" else each.next
        found.append(f"{name:<{width}}  {last:<10}  {each.state:<7}  {then:<6}  {on:<10}  {each.reason}")
    return found


@lines.register
def _(value: wire.Rotated) -> list[str]:
    begun = "finished a rotation that was cut short" if value.resumed else "rotated"
    found = [f"{begun}: {value.values} value{'' if value.values == 1 else 's'} sealed with the key {value.key_id}"]
    if value.unneeded:
        found.append(f"nothing needs these keys any more: {', '.join(value.unneeded)}")
    return found


@lines.register
def _(value: teams.InvitationCreated) -> list[str]:
    return [
        f"an invitation for one person, until {value.invitation.expires_at:%Y-%m-%d %H:%M} UTC; it is shown this once:",
        f"  {value.code}",
        "they sign in with: loco login --invitation",
    ]


@lines.register
def _(value: teams.Invitations) -> list[str]:
    if not value.invitations:
        return ["no open invitations; a new one: loco-server admin invite"]
    return [
        f"{item.id}  until {item.expires_at:%Y-%m-%d %H:%M} UTC{f'  {item.note}' if item.note else ''}"
        for item in value.invitations
    ]


@lines.register
def _(value: wire.Users) -> list[str]:
    return [
        _printable(
            f"{item.login}  {' '.join(item.identities)}{f'  {item.email}' if item.email else ''}"
            f"{'' if item.suspended is None else f'  suspended: {item.suspended}'}"
        )
        for item in value.users
    ]


@lines.register
def _(value: wire.Quotas) -> list[str]:
    head = f"{'quota':<20}  {'used':>8}  {'most':>8}"
    return [
        head,
        *(
            f"{item.name:<20}  {'-' if item.used is None else worded(item.name, item.used):>8}"
            f"  {worded(item.name, item.limit):>8}{'  (its own)' if item.own else ''}"
            for item in value.quotas
        ),
    ]


@lines.register
def _(value: AuditEvents) -> list[str]:
    return [_event(item) for item in value.events] or ["no events"]


def _event(item: AuditEvent) -> str:
    words = [f"{item.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}", item.actor, item.action, item.subject]
    known = {name: each for name, each in item.detail.items() if each not in (None, [], "")}
    detail = "; ".join(
        f"{name} {', '.join(map(str, each)) if isinstance(each, list) else each}" for name, each in known.items()
    )
    words += [f"({detail})"] if detail else []
    words += [] if item.outcome == "done" else [f": {item.outcome or 'not completed'}"]
    words += [item.address] if item.address else []
    return _printable(" ".join(words))


def _printable(text: str) -> str:
    """What people call themselves and their things must not steer the operator's terminal."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
