"""Deployments as people read them: what became of a new number, and what there is to look back on."""

from loco_cli.ui import errors, render_changes
from loco_cli.ui.render import human
from loco_cli.ui.results import Deployed, DeploymentHistory, ReleaseLog, RolledBack, ScaleDone
from loco_cli.ui.text import ago, safe
from loco_spec import api
from loco_spec.errors import DeploymentFailed


@human.register
def _(value: RolledBack) -> list[str]:
    back = value.rollback
    if value.deployment is None:
        same = "" if back.to.number == back.live.number else f" and v{back.to.number} is the same:"
        return [f"v{back.live.number} is live{same or ','} nothing changed"]
    found = human(Deployed(deployment=value.deployment, unchanged=False, seconds=value.seconds))
    as_was = f", as v{back.to.number} was" if value.deployment.state == "live" else ""
    return [found[0] + as_was, *found[1:], f"undo: {value.undo}"]


@human.register
def _(value: ScaleDone) -> list[str]:
    done = Deployed(deployment=value.deployment, unchanged=value.scaled.unchanged, seconds=value.seconds)
    if value.scaled.unchanged:
        return human(done)
    found = [*render_changes.lines(value.scaled.changes), *human(done)]
    return [*found, "the next loco deploy takes [scale] from loco.toml"]


@human.register
def _(value: api.Deployments) -> list[str]:
    if not value.deployments:
        return ["no deployments yet; the first one: loco deploy"]
    rows = [
        (f"v{item.number}", safe(item.state), _action(item), _digest(item.digest), _who(item))
        for item in value.deployments
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    found = []
    for row, item in zip(rows, value.deployments, strict=True):
        found.append("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
        if item.reason:
            found.append(f"{' ' * widths[0]}  {safe(item.reason.splitlines()[0])}")
    return found


@human.register
def _(value: DeploymentHistory) -> list[str]:
    item, events = value.deployment, value.events
    most = f", and up to {item.replicas_most}" if item.replicas_most > item.replicas else ""
    pairs = [
        ("made", f"{_action(item)} by {_who(item)}"),
        ("image", _digest(item.digest) + ("" if item.image_kept or item.digest is None else ", deleted since")),
        ("stood on", f"v{item.base}" if item.base else ""),
        ("replicas", f"{item.replicas}{most}"),
        ("variables", ", ".join(f"{safe(name)} {version}" for name, version in sorted(item.variables.items()))),
        ("release", safe(" ".join(item.release_command or ()))),
        *(("address", safe(url)) for url in item.urls),
    ]
    found = [f"{safe(item.app)} v{item.number} {safe(item.state)}{f': {safe(item.reason)}' if item.reason else ''}"]
    found += [f"  {name:<9}  {text}" for name, text in pairs if text]
    for event in events:
        seconds = (event.at - events[0].at).total_seconds()
        if event.kind != "diagnosis":
            found.append(f"{seconds:>8.1f} s  {safe(event.message)}")
    if item.diagnosis is not None:
        error = DeploymentFailed(item.diagnosis.message, hint=item.diagnosis.hint, diagnosis=item.diagnosis)
        found += errors.lines(error)
    return found


@human.register
def _(value: ReleaseLog) -> list[str]:
    found = [f"-- {safe(note)}" for note in value.notes]
    return [*found, *(f"{safe(line.at[:19])}Z {safe(line.text)}" for line in value.lines)]


def _action(item: api.Deployment) -> str:
    return f"rollback to v{item.base}" if item.action == "rollback" else safe(item.action)


def _digest(digest: str | None) -> str:
    return "-" if digest is None else safe(digest.removeprefix("sha256:")[:12])


def _who(item: api.Deployment) -> str:
    return f"{safe(item.created_by)}, {ago(item.created_at)}"
