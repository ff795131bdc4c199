"""Ctrl-C while a command waits for the server's answer to what it has just begun: the answer comes first."""

import signal

import httpx
import pytest
from pydantic import BaseModel

from loco_spec import again
from loco_spec.variables import VariablesChanged
from tests.loco_cli.conftest import Loco
from tests.loco_cli.samples import APP, deployment
from tests.loco_cli.server import Server

pytestmark = pytest.mark.usefixtures("signed_in", "clock")

SHOP = ("--app", "shop", "--team", "ann")
FOUR = deployment("accepted", 4)
LOOKED = again.Rollback(to=deployment("replaced", 2), live=deployment("live", 3))
BEGUN: dict[str, tuple[str, BaseModel]] = {
    "redeploy": (f"POST {APP}/redeploy", FOUR),
    "rollback": (f"POST {APP}/rollback", LOOKED.model_copy(update={"deployment": FOUR})),
    "scale 3": (f"POST {APP}/scale", again.Scaled(deployment=FOUR)),
    "variables set A=b": (f"POST {APP}/variables", VariablesChanged(set=("A",), deployment=FOUR)),
}


def answers_late(server: Server, request: str, answer: BaseModel) -> None:
    """Answer after Ctrl-C was pressed."""
    method, path = request.split(" ")

    def late(_request: httpx.Request) -> httpx.Response:
        signal.raise_signal(signal.SIGINT)
        return httpx.Response(200, content=answer.model_dump_json())

    server.mock.add_callback(late, method=method, url=server.url + path)


@pytest.mark.parametrize("command", BEGUN)
def test_what_has_begun_is_told_and_how_to_follow_it(server: Server, loco: Loco, command: str) -> None:
    if command == "rollback":
        server.answers(f"GET {APP}/rollback", LOOKED)
    answers_late(server, *BEGUN[command])
    found = loco(*command.split(), *SHOP, "--quiet")
    assert (found.code, found.out) == (130, "")
    assert found.err == "error: v4 goes on without you\nnext: loco deploy --attach v4 --app shop --team ann\n"


def test_what_needs_no_rollout_is_done(server: Server, loco: Loco) -> None:
    answers_late(server, f"POST {APP}/variables", VariablesChanged(set=("A",), waits=True))
    found = loco("variables", "set", "A=b", "--stage", *SHOP)
    assert (found.code, found.out.splitlines()[0]) == (0, "set A")
