"""`loco events`."""

import pytest

from loco_cli.ui import render_events
from loco_spec.audit import AuditEvent, AuditEvents
from loco_spec.errors import NotAllowed
from tests.loco_cli.conftest import Clock, Loco
from tests.loco_cli.samples import change, me
from tests.loco_cli.server import Server, cut, message

pytestmark = pytest.mark.usefixtures("signed_in")

EVENTS = "/v1/teams/acme/events"
LINE = "2030-01-02T03:04:05Z ann deployment.create shop v1  10.0.0.1\n"


def told(event: AuditEvent) -> str:
    return message("event", event, number=event.id)


def test_the_newest_hundred_of_the_own_team_are_shown_a_line_each(server: Server, loco: Loco) -> None:
    server.answers("GET /v1/me", me())
    ended = change(2, actor="loco", action="deployment.live", address=None)
    refused = change(3, action="deployment.image", outcome="image-refused")
    going = change(4, action="app.destroy", subject="shop", outcome=None)
    server.answers("GET /v1/teams/ann/events?limit=100", AuditEvents(events=(change(1), ended, refused, going)))
    found = loco("events")
    assert (found.code, found.err) == (0, "")
    assert found.out.splitlines() == [
        LINE.rstrip(),
        "2030-01-02T03:04:05Z loco deployment.live shop v1",
        "2030-01-02T03:04:05Z ann deployment.image shop v1: image-refused  10.0.0.1",
        "2030-01-02T03:04:05Z ann app.destroy shop: not completed  10.0.0.1",
    ]


def test_of_one_app_and_so_many_as_are_asked_for(server: Server, loco: Loco) -> None:
    server.answers(f"GET {EVENTS}?app=shop&limit=5", AuditEvents(events=()))
    found = loco("events", "--team", "acme", "--app", "shop", "-n", "5")
    assert (found.code, found.out) == (0, "no events\n")


def test_a_file_gets_whole_lines_with_what_was_changed(server: Server, loco: Loco) -> None:
    long = change(1, actor=f"ann ({'c' * 80})", action="variables.change", subject="s" * 300)
    told = long.model_copy(update={"detail": {"set": ["A", "B"], "unset": [], "role": "admin", "digest": "sha256:1"}})
    server.answers(f"GET {EVENTS}?limit=100", AuditEvents(events=(told,)))
    [found] = loco("events", "-t", "acme").out.splitlines()
    start = f"2030-01-02T03:04:05Z ann ({'c' * 80}) variables.change {'s' * 300}"
    assert found == f"{start} (set A, B; role admin)  10.0.0.1"


@pytest.mark.parametrize(
    ("subject", "shown"),
    [
        ("shop v12", "shop v12 (set SECRET, ANOTHER)"),
        (f"{'b' * 40} v2", f"{'b' * 27}… v2"),
        ("s" * 300, f"{'s' * 30}…"),
    ],
)
def test_a_terminal_gets_what_fits_and_of_a_deployment_its_number(subject: str, shown: str) -> None:
    event = change(1, action="deployment.live", subject=subject)
    event = event.model_copy(update={"detail": {"set": ["SECRET", "ANOTHER"]}})
    found = render_events.line(event, width=82)
    assert found == f"2030-01-02T03:04:05Z ann deployment.live {shown}  10.0.0.1"
    assert len(found) <= 82


def test_what_people_call_things_cannot_steer_the_terminal(server: Server, loco: Loco) -> None:
    evil = change(
        1, actor="\x1b[2J", action="\x1b[1m", subject="\x1b]0;x\x07\nan: other line", address="\r", outcome="\x1b["
    )
    server.answers(f"GET {EVENTS}?limit=100", AuditEvents(events=(evil,)))
    out = loco("events", "-t", "acme").out
    assert out == "2030-01-02T03:04:05Z �[2J �[1m �]0;x��an: other line: �[  �\n"


def test_a_program_gets_one_object(server: Server, loco: Loco) -> None:
    given = AuditEvents(events=(change(1, detail={"set": ["KEY"]}),))
    server.answers(f"GET {EVENTS}?limit=100", given)
    assert loco("events", "-t", "acme", "--json").json["result"] == given.model_dump(mode="json")


@pytest.mark.parametrize("flag", ["-f", "--follow"])
def test_they_are_followed_after_a_moment_through_a_cut(server: Server, loco: Loco, clock: Clock, flag: str) -> None:
    server.streams(f"{EVENTS}?limit=100", told(change(1)), cut())
    server.is_away(f"GET {EVENTS}?limit=100")
    server.streams(f"{EVENTS}?limit=100", told(change(2)), KeyboardInterrupt(), last_id="1")
    found = loco("events", "-t", "acme", flag)
    assert (found.code, found.out, found.err) == (130, 2 * LINE, "")
    assert clock.slept == [0.5, 0.5]


def test_a_program_that_follows_gets_each_event_as_an_object(server: Server, loco: Loco) -> None:
    server.streams(f"{EVENTS}?limit=2", told(change(1)), told(change(2)), KeyboardInterrupt())
    found = loco("events", "-t", "acme", "-f", "-n", "2", "--json")
    assert found.objects == [{"version": 1, **change(number).model_dump(mode="json")} for number in (1, 2)]


@pytest.mark.parametrize(
    ("args", "words"),
    [(("--app", "No Slug"), '"No Slug" is not the name of an app'), (("-n", "0"), "-n"), (("-n", "1001"), "1001")],
)
def test_what_cannot_be_is_not_asked_for(server: Server, loco: Loco, args: tuple[str, ...], words: str) -> None:
    found = loco("events", "-t", "acme", *args)
    assert (found.code, found.out) == (2, "")
    assert words in found.err


def test_who_may_not_see_them_is_told(server: Server, loco: Loco) -> None:
    server.refuses(f"GET {EVENTS}?limit=100", NotAllowed("this token can deploy, and may not do this (events:read)"))
    assert loco("events", "-t", "acme").code == 4
