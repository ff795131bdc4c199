"""`loco trust`: which CI jobs may deploy, and whether anybody else may."""

import re
from pathlib import Path
from typing import Annotated

import typer

from loco_cli.client import trust
from loco_cli.context import Context, opened
from loco_cli.lazy import group as new_group
from loco_cli.options import App, Folder, Team
from loco_spec.errors import UsageError
from loco_spec.trust import Source, SourceSet, TrustRule, TrustRuleAdd, TrustRuleRemoved, TrustRules

group = new_group("Trust CI jobs: they deploy without a stored secret.")
_RULE = re.compile(r"[a-z2-7]{10}")

Issuer = Annotated[str, typer.Option(help="github, gitlab, or the issuer's URL.", metavar="NAME")]
Repository = Annotated[str, typer.Option(help="What people call it: acme/shop.", metavar="NAME")]
RepositoryId = Annotated[str, typer.Option(help="Its number (GitLab: the project's).", metavar="ID")]
OwnerId = Annotated[str, typer.Option(help="Its owner's number (GitLab: the namespace's).", metavar="ID")]
Ref = Annotated[
    str | None, typer.Option(help="A branch, a full ref, or refs/tags/*.", metavar="REF", show_default="main")
]
Environment = Annotated[str | None, typer.Option(help="The job's environment.", metavar="NAME")]
Actor = Annotated[
    list[str] | None, typer.Option("--actor-id", help="Only jobs that this user (a number) started.", metavar="ID")
]
Audience = Annotated[
    str | None,
    typer.Option(help="For whom the job's token must be made.", metavar="TEXT", show_default="the server's URL"),
]
OnlyApp = Annotated[
    str | None, typer.Option("--app", "-a", help="Only this app.", metavar="NAME", show_default="all of the team's")
]
Allow = Annotated[
    list[str] | None, typer.Option("--allow", help="A member who may deploy all the same.", metavar="USER")
]


@group.command("add")
def add_command(
    issuer: Issuer,
    repository: Repository,
    repository_id: RepositoryId,
    owner_id: OwnerId,
    ref: Ref = None,
    environment: Environment = None,
    actor_id: Actor = None,
    audience: Audience = None,
    app: OnlyApp = None,
    team: Team = None,
) -> None:
    r"""Trust the jobs of a repository to deploy, in your name.

    The numbers count, because a name can become somebody else's. GitHub tells them:
    gh api repos/acme/shop --jq '.id, .owner.id'

    Examples:
        loco trust add --issuer github --repository acme/shop \
          --repository-id 1234 --owner-id 56
    """
    for option, number in (("--repository-id", repository_id), ("--owner-id", owner_id)):
        if not re.fullmatch(r"[0-9]{1,20}", number):
            raise UsageError(f"{option} is a number, and {number!r} is none", hint="loco trust add --help")
    with opened() as context:
        rule = TrustRuleAdd(
            issuer=issuer,
            audience=audience or context.server.value,
            repository=repository,
            repository_id=repository_id,
            owner_id=owner_id,
            ref=ref or None,
            environment=environment or None,
            actors=tuple(actor_id or ()),
            app=app,
        )
        context.ui.result(add(context, team, rule))


@group.command("list")
def list_command(team: Team = None) -> None:
    """List the rules of a team.

    Examples:
        loco trust list --team acme
    """
    with opened() as context:
        context.ui.result(rules(context, team))


@group.command("remove")
def remove_command(
    rule: Annotated[str, typer.Argument(help="The rule's id, from the list.", metavar="RULE")],
    team: Team = None,
) -> None:
    """Stop trusting.

    Examples:
        loco trust remove k3v5qmw2za
    """
    with opened() as context:
        context.ui.result(remove(context, team, rule))


@group.command("require")
def require_command(
    source: Annotated[
        str, typer.Argument(help="ci: only trusted jobs deploy it. any: everybody who may.", metavar="SOURCE")
    ],
    folder: Folder = Path(),
    allow: Allow = None,
    app: App = None,
    team: Team = None,
) -> None:
    """Decide from where an app may be deployed.

    Examples:
        loco trust require ci
        loco trust require ci --allow ann --app shop
    """
    if source not in {"any", "ci"}:
        raise UsageError(f"{source!r} is no source of deployments; it is any or ci", hint="loco trust require ci")
    if allow and source == "any":
        raise UsageError("--allow makes exceptions from ci, and with any there is nothing to except")
    with opened() as context:
        wish = SourceSet(source=source, allow=tuple(allow or ()))
        context.ui.result(require(context, folder, wish, app=app, team=team))


def add(context: Context, team: str | None, rule: TrustRuleAdd) -> TrustRule:
    return trust.add(context.http, context.team(team), rule)


def rules(context: Context, team: str | None) -> TrustRules:
    return trust.rules(context.http, context.team(team))


def remove(context: Context, team: str | None, rule: str) -> TrustRuleRemoved:
    """Remove a rule.

    Raises:
        UsageError: that is no rule's id.
    """
    if not _RULE.fullmatch(rule):
        raise UsageError(f"{rule!r} is no rule's id", hint="loco trust list")
    return trust.remove(context.http, context.team(team), rule)


def require(context: Context, folder: Path, wish: SourceSet, *, app: str | None, team: str | None) -> Source:
    target = context.target(folder, app=app, team=team)
    return trust.require(context.http, target.team, target.app, wish)
