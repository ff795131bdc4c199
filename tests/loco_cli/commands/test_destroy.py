"""`loco destroy`: nothing goes before its name was typed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from loco_spec import api
from loco_spec.errors import NotFound, Refused
from tests.loco_cli.conftest import Loco
from tests.loco_cli.samples import APP
from tests.loco_cli.server import Server

pytestmark = pytest.mark.usefixtures("signed_in")

SHOP = ("--app", "shop", "--team", "ann")
GONE = "shop of team ann is gone\n"


def is_there(server: Server) -> None:
    server.answers(f"GET {APP}", api.AppStatus(team="ann", app="shop"))


def test_a_name_that_was_typed_removes_the_app(server: Server, loco: Loco, types: Callable[[str], None]) -> None:
    is_there(server)
    server.answers(f"DELETE {APP}")
    types("shop\n")
    found = loco("destroy", *SHOP)
    assert (found.code, found.out) == (0, GONE)
    assert found.err == "This removes shop of team ann for good. Type its name: "


def test_a_name_that_was_given_removes_it_without_a_question(server: Server, loco: Loco) -> None:
    is_there(server)
    server.answers(f"DELETE {APP}")
    found = loco("destroy", *SHOP, "--confirm", "shop")
    assert (found.code, found.out, found.err) == (0, GONE, "")


def test_a_program_is_told_what_is_gone(server: Server, loco: Loco) -> None:
    is_there(server)
    server.answers(f"DELETE {APP}")
    assert loco("destroy", *SHOP, "--confirm", "shop", "--json").json == {
        "version": 1,
        "result": {"team": "ann", "app": "shop"},
    }


@pytest.mark.parametrize("typed", ["y", "shop2", "SHOP", ""])
def test_anything_else_removes_nothing(server: Server, loco: Loco, types: Callable[[str], None], typed: str) -> None:
    is_there(server)
    types(f"{typed}\n")
    found = loco("destroy", *SHOP)
    assert (found.code, found.out) == (2, "")
    assert f'error: "{typed}" is not "shop"; nothing was removed\nnext: loco destroy --confirm shop\n' in found.err
    is_there(server)
    given = loco("destroy", *SHOP, "--confirm", typed)
    assert (given.code, given.out) == (2, "")


def test_where_nobody_can_be_asked_the_name_must_be_given(
    server: Server, loco: Loco, types: Callable[[str], None]
) -> None:
    is_there(server)
    found = loco("destroy", *SHOP)
    assert (found.code, found.out) == (2, "")
    assert found.err == (
        "error: destroying shop must be confirmed by its name, and nobody can be asked here\n"
        "next: loco destroy --confirm shop\n"
    )
    is_there(server)
    types("shop\n")
    assert loco("destroy", *SHOP, "--json").code == 2


def test_yes_is_enough_where_the_app_is_named_and_not_where_it_is_the_folders(
    server: Server, loco: Loco, folder: Path, types: Callable[[str], None]
) -> None:
    is_there(server)
    server.answers(f"DELETE {APP}")
    assert loco("destroy", *SHOP, "--yes").out == GONE
    is_there(server)
    types("")
    found = loco("destroy", "--team", "ann", "--yes")
    assert (found.code, found.out) == (2, "")
    assert "destroying shop must be confirmed by its name, and --yes does not name it\n" in found.err
    is_there(server)
    assert loco("destroy", *SHOP, "--yes", "--confirm", "shop2").code == 2


def test_nobody_is_asked_with_no_input(server: Server, loco: Loco, types: Callable[[str], None]) -> None:
    is_there(server)
    types("shop\n")
    found = loco("destroy", *SHOP, "--no-input")
    assert (found.code, "next: loco destroy --confirm shop" in found.err) == (2, True)


def test_ctrl_d_at_the_question_removes_nothing(server: Server, loco: Loco, types: Callable[[str], None]) -> None:
    is_there(server)
    types("")
    assert loco("destroy", *SHOP).code == 130


def test_an_app_that_is_not_there_is_not_asked_about(server: Server, loco: Loco, types: Callable[[str], None]) -> None:
    server.refuses(f"GET {APP}", NotFound("there is no app shop"))
    types("shop\n")
    found = loco("destroy", *SHOP)
    assert (found.code, found.err) == (5, "error: there is no app shop\n")


def test_a_refusal_is_told(server: Server, loco: Loco) -> None:
    is_there(server)
    server.refuses(f"DELETE {APP}", Refused("the engine is busy"))
    found = loco("destroy", *SHOP, "--confirm", "shop")
    assert (found.code, found.out, found.err) == (1, "", "error: the engine is busy\n")
