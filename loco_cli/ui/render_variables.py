"""Variables as people read them. There is no value to show: the server gives none."""

from loco_cli.ui.render import human
from loco_cli.ui.results import VariablesDone
from loco_cli.ui.text import ago, safe
from loco_spec.variables import Variables, VariablesHistory

_STATES = {
    "deployed": "deployed",
    "staged": "staged: with the next deployment",
    "unset": "unset: gone with the next deployment",
}


@human.register
def _(value: VariablesDone) -> list[str]:
    change = value.change
    found = [
        f"{word} {', '.join(safe(name) for name in names)}"
        for word, names in (("set", change.set), ("unset", change.unset), ("unchanged:", change.unchanged))
        if names
    ]
    if value.deployed is not None:
        found += human(value.deployed)
    elif change.waits:
        found.append("staged for the next deployment; loco redeploy brings it now")
    for item in value.purged:
        found.append(
            f"purged {safe(item.name)}: {item.versions} value{'s' if item.versions != 1 else ''} gone for good"
        )
        if item.deployments:
            numbers = ", ".join(f"v{number}" for number in item.deployments)
            found.append(f"  {numbers} cannot be rolled back to any more")
    return found


@human.register
def _(value: Variables) -> list[str]:
    if not value.variables:
        return ["no variables yet; the first one: loco variables set NAME --stdin"]
    width = max(len(item.name) for item in value.variables)
    return [
        f"{safe(item.name):<{width}}  {safe(item.digest or '-'):<8}  {safe(item.set_by)}, {ago(item.set_at)}"
        f"  {safe(_STATES.get(item.state, item.state))}"
        for item in value.variables
    ]


@human.register
def _(value: VariablesHistory) -> list[str]:
    if not value.versions:
        return ["no variables yet; the first one: loco variables set NAME --stdin"]
    width = max(len(f"{item.name} {item.version}") for item in value.versions)
    return [
        f"{safe(f'{item.name} {item.version}'):<{width}}  {safe(item.action):<6}  {safe(item.digest or '-'):<8}"
        f"  {safe(item.set_by)}, {ago(item.set_at)}"
        for item in value.versions
    ]
