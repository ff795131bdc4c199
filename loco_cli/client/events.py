"""A team's audit trail: read once, or followed through every cut."""

from collections.abc import Iterator

from loco_cli.client.http import Http, StreamCutError
from loco_spec import paths
from loco_spec.audit import AuditEvent, AuditEvents
from loco_spec.errors import ServerUnreachable, TooManyRequests, from_problem
from loco_spec.events import StreamFault


def events(http: Http, team: str, *, app: str | None, lines: int) -> AuditEvents:
    return http.get(paths.fill(paths.TEAM_EVENTS, team=team), AuditEvents, **_query(app, lines))


def follow(http: Http, team: str, *, app: str | None, lines: int) -> Iterator[AuditEvent | None]:
    """Give the newest events and then each that comes, for ever, resumed where a cut left off.

    None: the connection was lost just now.
    """
    position: str | None = None
    while True:
        try:
            with http.stream(
                paths.fill(paths.TEAM_EVENTS, team=team), last_id=position, **_query(app, lines)
            ) as stream:
                for message in stream:
                    if message.event == "event":
                        event = AuditEvent.model_validate_json(message.data)
                        position = str(event.id)
                        yield event
                    elif message.event == "error":
                        raise from_problem(StreamFault.model_validate_json(message.data).problem, status=500)
        except StreamCutError:
            pass
        except (ServerUnreachable, TooManyRequests):
            if position is None:
                raise
        yield None


def _query(app: str | None, lines: int) -> dict[str, str]:
    return {**({} if app is None else {"app": app}), "limit": str(lines)}
