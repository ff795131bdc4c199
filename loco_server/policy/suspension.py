"""What nobody does to what the operator has suspended, and how that is said."""

from loco_server.records.values import AppRecord, TeamRecord
from loco_spec.errors import NotAllowed

HINT = "ask the operator"


def refuse_team(team: TeamRecord) -> None:
    """Refuse a change of a suspended team.

    Raises:
        NotAllowed: with the operator's reason.
    """
    if team.suspended is not None:
        raise NotAllowed(f"team {team.name} is suspended: {team.suspended}", hint=HINT)


def refuse_app(app: AppRecord) -> None:
    """Refuse a change of a suspended app. One that was only stopped because nobody used it is woken by a change.

    Raises:
        NotAllowed: with the operator's reason.
    """
    if app.suspended is not None and not app.unused:
        raise NotAllowed(app.suspended, hint=HINT)
