"""Trust rules as people read them."""

from loco_cli.ui.render import human
from loco_cli.ui.text import safe
from loco_spec import trust


@human.register
def _(value: trust.TrustRule) -> list[str]:
    wants = ", ".join(
        f"{name} {each if isinstance(each, str) else ' or '.join(each)}" for name, each in value.claims.items()
    )
    what = f"app {value.app}" if value.app else "every app of the team"
    return [
        safe(f"{value.id}  {value.repository} may deploy {what}, as {value.created_by}"),
        safe(f"            {wants}"),
        safe(f"            signed by {value.issuer}"),
        safe(f"            for {value.audience}"),
    ]


@human.register
def _(value: trust.TrustRules) -> list[str]:
    if not value.rules:
        return ["no job is trusted; the first one: loco trust add"]
    return [line for rule in value.rules for line in human(rule)]


@human.register
def _(value: trust.TrustRuleRemoved) -> list[str]:
    return [f"{safe(value.id)} is trusted no more"]


@human.register
def _(value: trust.Source) -> list[str]:
    if value.source == "ci":
        who = ", ".join(("trusted CI jobs", *value.allow))
        return [safe(f"{value.app} of team {value.team} is deployed by {who} and nobody else")]
    return [safe(f"{value.app} of team {value.team} is deployed by everybody who may deploy in the team")]
