"""Deployments as people read them: what became of a new number, and what there is to look back on."""

from loco_cli.ui import render_changes
from loco_cli.ui.render import human
from loco_cli.ui.results import Deployed, RolledBack, ScaleDone


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
