"""`loco rollback`: shown, asked, rolled out and followed."""

from collections.abc import Callable
from typing import Any

import pytest

from loco_spec import again
from loco_spec.changes import Change
from loco_spec.errors import Conflict
from tests.loco_cli.conftest import Loco
from tests.loco_cli.samples import APP, DEPLOYMENTS, deployment, event
from tests.loco_cli.server import END, Server, message

pytestmark = pytest.mark.usefixtures("signed_in", "clock")

SHOP = ("--app", "shop", "--team", "ann")
UNDO = "loco rollback v3 --app shop --team ann"
SHOWN = """\
shop: v3 -> v2, which ann made
  ~ scale.replicas  2 -> 1
  + variables.KEY   12ab34cd
  the release command is not run; what it did to data stays (--release runs it)
"""


def found(**more: Any) -> again.Rollback:
    changes = (Change(field="scale.replicas", before="2", after="1"), Change(field="variables.KEY", after="12ab34cd"))
    return again.Rollback(
        **{"to": deployment("replaced", 2), "live": deployment("live", 3), "changes": changes, **more}
    )


def rolls(server: Server, *, query: str = "") -> None:
    server.answers(f"GET {APP}/rollback{query}", found())
    server.answers(f"POST {APP}/rollback", found(deployment=deployment("accepted", 4, action="rollback", base=2)))


def is_followed(server: Server) -> None:
    server.streams(f"{DEPLOYMENTS}/4/events", message("event", event(1, "rolling out"), number=1), END)
    server.answers(f"GET {DEPLOYMENTS}/4", deployment("live", 4, urls=("https://shop.example.com",)))


def test_what_changes_is_shown_and_how_to_undo_it(server: Server, loco: Loco) -> None:
    rolls(server)
    is_followed(server)
    said = loco("rollback", *SHOP)
    assert (said.code, said.err) == (0, f"{SHOWN}v4: rolling out\n")
    assert said.out == f"v4 is live after 0.0 s, as v2 was\n  https://shop.example.com\nundo: {UNDO}\n"


def test_nothing_is_said_of_a_release_command_where_there_is_none(server: Server, loco: Loco) -> None:
    server.answers(f"GET {APP}/rollback", found(has_release_command=False))
    server.answers(f"POST {APP}/rollback", found(deployment=deployment("accepted", 5)))
    assert "release command" not in loco("rollback", *SHOP, "--detach").err


def test_what_is_to_be_known_before_is_said(server: Server, loco: Loco) -> None:
    server.answers(f"GET {APP}/rollback", found(notes=("v4 is failed and never served",)))
    server.answers(f"POST {APP}/rollback", found(deployment=deployment("accepted", 5)))
    assert "\n  v4 is failed and never served\n" in loco("rollback", *SHOP, "--detach").err


def test_what_was_shown_is_what_is_asked_for(server: Server, loco: Loco) -> None:
    rolls(server, query="?number=2")
    said = loco("rollback", "v2", *SHOP, "--release", "--detach")
    assert (said.code, said.out.splitlines()[0]) == (0, "v4 is accepted; follow it with: loco deploy --attach v4")
    assert server.body() == {"number": 2, "release": True, "live": 3}
    assert "  the release command runs\n" in said.err


def test_a_program_gets_the_changes_and_the_command_that_undoes_it(server: Server, loco: Loco) -> None:
    rolls(server)
    is_followed(server)
    said = loco("rollback", *SHOP, "--json")
    result = said.objects[-1]["result"]
    assert (result["undo"], result["deployment"]["number"]) == (UNDO, 4)
    assert result["rollback"]["changes"][0] == {"field": "scale.replicas", "before": "2", "after": "1"}


@pytest.mark.parametrize("answer", ["n", "", "no"])
def test_whoever_says_no_changes_nothing(server: Server, loco: Loco, types: Callable[[str], None], answer: str) -> None:
    server.answers(f"GET {APP}/rollback", found())
    types(f"{answer}\n")
    said = loco("rollback", *SHOP)
    assert said.code == 130
    assert said.err.endswith("error: nothing was changed; v3 serves on\n")


def test_whoever_says_yes_is_asked_once(server: Server, loco: Loco, types: Callable[[str], None]) -> None:
    rolls(server)
    types("yes\n")
    said = loco("rollback", *SHOP, "--detach")
    assert (said.code, said.err) == (0, f"{SHOWN}Roll it out? [y]es or [n]o: ")


def test_nobody_is_asked_with_yes(server: Server, loco: Loco, types: Callable[[str], None]) -> None:
    rolls(server)
    types("")
    assert loco("rollback", *SHOP, "--detach", "--yes").code == 0


@pytest.mark.parametrize(("number", "why"), [(3, ","), (2, " and v2 is the same:")])
def test_what_is_live_already_is_no_failure(server: Server, loco: Loco, number: int, why: str) -> None:
    server.answers(
        f"GET {APP}/rollback?number={number}", found(to=deployment("live", number), changes=(), unchanged=True)
    )
    said = loco("rollback", f"v{number}", *SHOP)
    assert (said.code, said.out) == (0, f"v3 is live{why} nothing changed\n")


def test_a_refusal_says_what_can_come_back(server: Server, loco: Loco) -> None:
    error = Conflict("v2 never was live, it is failed: it exited with 3", hint="what can come back: v1")
    server.refuses(f"GET {APP}/rollback?number=2", error)
    said = loco("rollback", "2", *SHOP)
    assert (said.code, said.err) == (1, f"error: {error.message}\nnext: {error.hint}\n")


def test_what_is_no_number_asks_the_server_nothing(server: Server, loco: Loco) -> None:
    said = loco("rollback", "last", *SHOP)
    assert (said.code, said.err) == (2, "error: the number 'last' is not a deployment such as v12\nnext: loco status\n")
    assert server.asked == []
