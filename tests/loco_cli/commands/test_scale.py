"""`loco scale`."""

from typing import Any

import pytest

from loco_spec import again
from loco_spec.changes import Change
from tests.loco_cli.conftest import Loco
from tests.loco_cli.samples import APP, DEPLOYMENTS, deployment
from tests.loco_cli.server import END, Server

pytestmark = pytest.mark.usefixtures("signed_in", "clock")

SHOP = ("--app", "shop", "--team", "ann")
CHANGES = (Change(field="scale.replicas", before="1", after="3"),)


def scales(server: Server, **more: Any) -> None:
    done = again.Scaled(**{"deployment": deployment("accepted", 4, action="scale"), "changes": CHANGES, **more})
    server.answers(f"POST {APP}/scale", done)


def test_the_rollout_is_followed_and_loco_toml_wins_the_next_time(server: Server, loco: Loco) -> None:
    scales(server, notes=("this server does not scale by itself yet",))
    server.streams(f"{DEPLOYMENTS}/4/events", END)
    server.answers(f"GET {DEPLOYMENTS}/4", deployment("live", 4, urls=()))
    said = loco("scale", "3", *SHOP)
    assert (said.code, said.err) == (0, "this server does not scale by itself yet\n")
    assert said.out == (
        "~ scale.replicas  1 -> 3\nv4 is live after 0.0 s\nthe next loco deploy takes [scale] from loco.toml\n"
    )


@pytest.mark.parametrize(
    ("words", "body"),
    [
        (["3"], {"replicas": 3}),
        (["+1"], {"add": 1}),
        (["-1"], {"add": -1}),
        (["--max", "5"], {"max": 5}),
        (["--min", "2", "--max", "5", "--cpu", "60"], {"min": 2, "max": 5, "cpu": 60}),
    ],
)
def test_each_way_of_saying_it_is_sent(server: Server, loco: Loco, words: list[str], body: dict[str, int]) -> None:
    scales(server)
    assert loco("scale", *words, *SHOP, "--detach").code == 0
    assert {key: value for key, value in server.body().items() if value is not None} == body


@pytest.mark.parametrize("words", [[], ["3", "--max", "5"], ["0"], ["51"], ["three"], ["+-1"], ["--nope"], ["1.5"]])
def test_what_is_no_number_of_replicas_asks_the_server_nothing(server: Server, loco: Loco, words: list[str]) -> None:
    said = loco("scale", *words, *SHOP)
    assert said.code == 2
    assert server.asked == []


def test_nothing_changed_is_no_failure(server: Server, loco: Loco) -> None:
    scales(server, deployment=deployment("live", 3, urls=()), changes=(), unchanged=True)
    said = loco("scale", "3", *SHOP)
    assert (said.code, said.out) == (0, "v3 is live, nothing changed\n")


def test_a_program_gets_what_changed(server: Server, loco: Loco) -> None:
    scales(server)
    said = loco("scale", "3", *SHOP, "--detach", "--json")
    assert said.objects[-1]["result"]["scaled"]["changes"][0]["after"] == "3"
    assert said.objects[-1]["result"]["deployment"]["number"] == 4
