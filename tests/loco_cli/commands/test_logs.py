"""`loco logs`."""

from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loco_cli.commands.logs import moment
from loco_spec.errors import EngineUnavailable, NotFound, UsageError
from loco_spec.events import LogBatch, LogLine, StreamFault
from tests.loco_cli.conftest import Clock, Loco
from tests.loco_cli.samples import APP, NOW, batch
from tests.loco_cli.server import END, PING, Server, cut, message

SHOP = ("--app", "shop", "--team", "ann")
LOGS = f"{APP}/logs"

signed_in = pytest.mark.usefixtures("signed_in")


def lines(found: LogBatch) -> str:
    return message("lines", found)


@signed_in
def test_the_newest_hundred_lines_are_shown(server: Server, loco: Loco) -> None:
    server.streams(f"{LOGS}?lines=100", PING, lines(batch("a", "ready on :8080", "GET /")), END)
    found = loco("logs", *SHOP)
    assert (found.code, found.err) == (0, "")
    assert found.out == "2030-01-02T03:04:05Z v3-1 ready on :8080\n2030-01-02T03:04:05Z v3-1 GET /\n"


@signed_in
def test_what_loco_says_itself_is_no_line_of_the_app(server: Server, loco: Loco) -> None:
    server.streams(f"{LOGS}?lines=100", lines(batch("a", "one", note="not kept since 03:00")), END)
    found = loco("logs", *SHOP)
    assert (found.out.count("\n"), found.err) == (1, "-- not kept since 03:00\n")


@signed_in
def test_a_program_gets_each_line_as_an_object_with_all_that_is_known_of_it(server: Server, loco: Loco) -> None:
    server.streams(f"{LOGS}?lines=100", lines(batch("a", "one", "two", note="not kept")), END)
    found = loco("logs", *SHOP, "--json")
    assert found.objects == [{"version": 1, **asdict(line)} for line in batch("a", "one", "two").lines]
    assert found.told == [{"version": 1, "note": "-- not kept"}]


@signed_in
def test_a_line_cannot_steer_the_terminal(server: Server, loco: Loco) -> None:
    evil = LogLine(instance="\x1b[1m", deployment=1, at="\x1b[2J", text="\x1b]0;x\x07 \x1b[31m two\rlines")
    server.streams(f"{LOGS}?lines=100", lines(LogBatch(position="a", lines=(evil,), note="\x1b[2J")), END)
    found = loco("logs", *SHOP)
    assert found.out == "�[2JZ �[1m �]0;x� �[31m two�lines\n"
    assert found.err == "-- �[2J\n"


@signed_in
@pytest.mark.parametrize(
    ("flags", "query"),
    [
        (("-n", "5"), "lines=5"),
        (("--lines", "0"), "lines=0"),
        (("--since", "2030-01-02"), "since=2030-01-02T00%3A00%3A00%2B00%3A00"),
        (("--since", "2030-01-02T03:04:05+02:00", "-n", "5"), "since=2030-01-02T03%3A04%3A05%2B02%3A00&lines=5"),
        (("--instance", "v3-1"), "instance=v3-1&lines=100"),
        (("-p",), "previous=1&lines=100"),
        (("--previous", "--instance", "v3-1", "-n", "5"), "instance=v3-1&previous=1&lines=5"),
        (("-f", "--instance", "v3-1"), "follow=1&instance=v3-1&lines=100"),
    ],
)
def test_lines_are_asked_for_by_number_and_by_time_and_a_time_alone_gives_them_all(
    server: Server, loco: Loco, flags: tuple[str, ...], query: str
) -> None:
    server.streams(f"{LOGS}?{query}", END)
    assert loco("logs", *SHOP, *flags).code == 0


@signed_in
@pytest.mark.parametrize(
    ("flags", "message", "hint"),
    [
        (("-p", "-f"), "--previous shows what is over: without --follow", "loco logs --previous"),
        (("--build", "-p"), "--build is of no instance: without --instance and --previous", "loco logs --build"),
        (
            ("--build", "--instance", "v3-1"),
            "--build is of no instance: without --instance and --previous",
            "loco logs --build",
        ),
    ],
)
def test_options_that_do_not_go_together_are_told_before_anything_is_asked(
    server: Server, loco: Loco, flags: tuple[str, ...], message: str, hint: str
) -> None:
    found = loco("logs", *SHOP, *flags)
    assert (found.code, found.out, found.err) == (2, "", f"error: {message}\nnext: {hint}\n")
    assert server.asked == []


@signed_in
def test_an_instance_that_the_app_does_not_have_is_told_with_those_that_it_has(server: Server, loco: Loco) -> None:
    refusal = NotFound("shop has no instance 'v9-1', live or kept", hint="one of v3-1, v3-2")
    server.streams(f"{LOGS}?instance=v9-1&lines=100", message("error", StreamFault(problem=refusal.to_problem())))
    found = loco("logs", *SHOP, "--instance", "v9-1")
    assert (found.code, found.out) == (5, "")
    assert found.err == "error: shop has no instance 'v9-1', live or kept\nnext: one of v3-1, v3-2\n"


@signed_in
def test_a_duration_is_that_long_ago(server: Server, loco: Loco) -> None:
    server.mock.add_response(text=END)
    before = datetime.now(UTC)
    assert loco("logs", *SHOP, "--since", "5m").code == 0
    after = datetime.now(UTC)
    query = parse_qs(urlsplit(server.asked[0].split()[1]).query)
    assert list(query) == ["since"]
    assert before - timedelta(minutes=5) <= datetime.fromisoformat(query["since"][0]) <= after - timedelta(minutes=5)


@signed_in
@pytest.mark.parametrize("flag", ["-f", "--follow"])
def test_a_followed_log_waits_a_moment_and_goes_on_after_a_cut(
    server: Server, loco: Loco, clock: Clock, flag: str
) -> None:
    server.streams(f"{LOGS}?follow=1&lines=100", lines(batch("a", "one")), cut())
    server.is_away(f"GET {LOGS}?follow=1")
    server.streams(f"{LOGS}?follow=1", lines(batch("b", "two")), END, last_id="a")
    found = loco("logs", *SHOP, flag)
    assert (found.code, found.err) == (0, "")
    assert [line.split()[-1] for line in found.out.splitlines()] == ["one", "two"]
    assert clock.slept == [0.5, 0.5]


@signed_in
def test_ctrl_c_ends_a_followed_log(server: Server, loco: Loco) -> None:
    server.streams(f"{LOGS}?follow=1&lines=100", lines(batch("a", "one")), KeyboardInterrupt())
    found = loco("logs", *SHOP, "-f")
    assert (found.code, found.out.count("\n"), found.err) == (130, 1, "")


@signed_in
def test_an_engine_that_is_down_is_told_after_the_lines_that_came(server: Server, loco: Loco) -> None:
    fault = StreamFault(problem=EngineUnavailable("the engine is down").to_problem())
    server.streams(f"{LOGS}?lines=100", lines(batch("a", "one")), message("error", fault))
    found = loco("logs", *SHOP)
    assert (found.code, found.out.count("\n"), found.err) == (3, 1, "error: the engine is down\n")


@signed_in
def test_logs_that_break_off_are_no_success(server: Server, loco: Loco) -> None:
    server.streams(f"{LOGS}?lines=100", lines(batch("a", "one")), cut())
    found = loco("logs", *SHOP)
    assert (found.code, found.out.count("\n")) == (7, 1)
    assert found.err == "error: the connection to http://127.0.0.1:7070 was cut\nnext: run the command again\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30s", NOW - timedelta(seconds=30)),
        ("500ms", NOW - timedelta(milliseconds=500)),
        ("1.5h", NOW - timedelta(minutes=90)),
        ("1d", NOW - timedelta(days=1)),
        ("2029-12-31T23:59:59Z", datetime(2029, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("2029-12-31 23:59", datetime(2029, 12, 31, 23, 59, tzinfo=UTC)),
        ("2029-12-31T23:59:59-01:00", datetime(2030, 1, 1, 0, 59, 59, tzinfo=UTC)),
        ("2029-12-31", datetime(2029, 12, 31, tzinfo=UTC)),
    ],
)
def test_a_time_is_a_duration_before_now_or_a_moment_which_is_utc_where_nothing_is_said(
    text: str, expected: datetime
) -> None:
    assert moment("--since", text, now=NOW) == expected
    assert moment("--since", text, now=NOW).tzinfo is not None


@signed_in
@pytest.mark.parametrize("text", ["", "yesterday", "5", "-5m", "12:00", "2029-13-01", "9999999d", "9999999999999d"])
def test_what_is_no_time_is_refused_with_examples(server: Server, loco: Loco, text: str) -> None:
    found = loco("logs", *SHOP, "--since", text)
    assert (found.code, found.out) == (2, "")
    assert found.err == f"error: --since {text!r} is neither 30s, 5m, 2h, 1d nor a time\nnext: loco logs --since 5m\n"
    assert server.asked == []


@given(st.text() | st.builds("{}{}".format, st.integers(0, 10**30), st.sampled_from(["ms", "s", "m", "h", "d"])))
def test_any_text_is_a_time_with_a_zone_or_refused(text: str) -> None:
    with suppress(UsageError):
        assert moment("--since", text, now=NOW).tzinfo is not None


@signed_in
@pytest.mark.parametrize(
    ("flags", "query"),
    [
        (("--deployment", "v3"), "deployment=3&lines=100"),
        (("-f", "--deployment", "3", "-n", "5"), "follow=1&deployment=3&lines=5"),
        (
            ("--until", "2030-01-02", "--instance", "v3-1"),
            "instance=v3-1&until=2030-01-02T00%3A00%3A00%2B00%3A00&lines=100",
        ),
        (
            ("--since", "2030-01-01", "--until", "2030-01-02", "-p", "--deployment", "v3"),
            "deployment=3&previous=1&since=2030-01-01T00%3A00%3A00%2B00%3A00&until=2030-01-02T00%3A00%3A00%2B00%3A00",
        ),
    ],
)
def test_the_lines_of_a_deployment_and_from_before_a_time_are_asked_for(
    server: Server, loco: Loco, flags: tuple[str, ...], query: str
) -> None:
    server.streams(f"{LOGS}?{query}", END)
    assert loco("logs", *SHOP, *flags).code == 0


@signed_in
def test_the_newest_lines_that_match_are_shown_however_many_stand_between_them(server: Server, loco: Loco) -> None:
    said = [
        lines(batch(str(n), f"GET /{n}", *["-"] * 50, note="not kept since 03:00" if n == 2 else None))
        for n in range(9)
    ]
    server.streams(LOGS, *said, END)
    found = loco("logs", *SHOP, "--grep", "GET /[1-9]", "-n", "2")
    assert [line.split()[-1] for line in found.out.splitlines()] == ["/7", "/8"]
    assert (found.code, found.err) == (0, "-- not kept since 03:00\n")
    server.streams(f"{LOGS}?since=2030-01-02T00%3A00%3A00%2B00%3A00", *said, END)
    found = loco("logs", *SHOP, "--grep", r"/[34]$", "--since", "2030-01-02", "--json")
    assert [line["text"] for line in found.objects] == ["GET /3", "GET /4"]


@signed_in
def test_what_is_followed_and_must_match_goes_on_behind_all_that_was_looked_through(server: Server, loco: Loco) -> None:
    server.streams(LOGS, lines(batch("a", "hit 1", "hit 2")), lines(batch("b", "miss")), END)
    server.streams(f"{LOGS}?follow=1", lines(batch("c", "miss", "hit 3")), cut(), last_id="b")
    server.streams(f"{LOGS}?follow=1", lines(batch("d", "hit 4")), END, last_id="c")
    found = loco("logs", *SHOP, "-f", "-n", "1", "--grep", "hit")
    assert [line[-5:] for line in found.out.splitlines()] == ["hit 2", "hit 3", "hit 4"]
    server.streams(f"{LOGS}?follow=1&lines=0", lines(batch("c", "miss", "hit 3")), END)
    assert loco("logs", *SHOP, "-f", "-n", "0", "--grep", "hit").out.count("\n") == 1


@signed_in
@pytest.mark.parametrize("pattern", ["(", "[a", "*", "(?P<a>.)(?P<a>.)"])
def test_what_is_no_regular_expression_is_told_before_anything_is_asked(
    server: Server, loco: Loco, pattern: str
) -> None:
    found = loco("logs", *SHOP, "--grep", pattern)
    assert (found.code, found.out) == (2, "")
    assert found.err.startswith(f"error: --grep {pattern!r} is not a regular expression: ")
    assert server.asked == []


@signed_in
def test_a_time_is_no_end_of_what_is_followed(server: Server, loco: Loco) -> None:
    found = loco("logs", *SHOP, "-f", "--until", "5m")
    assert (found.code, found.out) == (2, "")
    assert found.err == "error: --until shows what is over: without --follow\nnext: loco logs --until 5m\n"
    assert loco("logs", *SHOP, "--until", "soon").err.startswith(
        "error: --until 'soon' is neither 30s, 5m, 2h, 1d nor a time"
    )
    assert server.asked == []
