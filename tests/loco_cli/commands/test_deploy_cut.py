"""`loco deploy` cut short: by Ctrl-C at each moment, and by a server that is away when the image is handed over."""

import os
import signal
from typing import Any

import httpx
import pytest

from loco_cli import command_line, entry
from loco_spec.errors import Interrupted
from tests.loco_cli.build.docker import Docker
from tests.loco_cli.commands.deploying import ENGINE, V3, cancels, takes, use
from tests.loco_cli.conftest import Clock, Loco
from tests.loco_cli.samples import APP, DEPLOYMENTS, THE_SERVER, created, deployment, me
from tests.loco_cli.server import Server

pytestmark = pytest.mark.usefixtures("signed_in", "clock", "shop")


def pressed(answer: Any) -> Any:
    """Give an answer in the middle of which somebody presses Ctrl-C."""

    def answered(_: httpx.Request) -> httpx.Response:
        os.kill(os.getpid(), signal.SIGINT)
        return httpx.Response(200, text=answer.model_dump_json())

    return answered


def test_a_ctrl_c_while_the_number_is_given_out_leaves_no_ticket_behind(
    server: Server, loco: Loco, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, Docker())
    server.answers("GET /v1/me", me())
    server.answers("GET /v1/server", THE_SERVER, is_optional=True)
    server.mock.add_callback(pressed(created()), method="POST", url=server.url + DEPLOYMENTS)
    cancels(server)
    found = loco("deploy", *ENGINE)
    assert found.code == 130
    assert found.err == "v3 of shop (team ann)\nerror: v3 cancelled; nothing was changed\nnext: loco deploy\n"
    assert server.asked[-1] == f"POST {V3}/cancel"


def test_a_ctrl_c_while_a_redeploy_is_asked_for_says_which_one_goes_on(server: Server, loco: Loco) -> None:
    server.mock.add_callback(pressed(deployment("accepted", 4)), method="POST", url=f"{server.url}{APP}/redeploy")
    found = loco("redeploy", "--app", "shop", "--team", "ann")
    assert found.code == 130
    assert found.err.startswith("error: v4 goes on without you\nnext: loco deploy --attach v4")


def test_a_ctrl_c_while_the_image_is_handed_over_cancels_and_tells_what_came_of_it(
    server: Server, loco: Loco, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, Docker())
    takes(server)
    server.is_away(f"POST {V3}/image", KeyboardInterrupt())  # type: ignore[arg-type]
    server.answers(f"POST {V3}/cancel", deployment("rolling"))
    server.answers(f"GET {V3}", deployment("live"))
    found = loco("deploy", *ENGINE)
    assert found.code == 130
    assert "error: v3 had ended before it could be cancelled: live\n" in found.err


def test_a_deployment_that_the_server_may_have_by_now_is_not_cancelled(
    server: Server, loco: Loco, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    use(monkeypatch, Docker())
    takes(server)
    server.mock.add_exception(
        httpx.ConnectError("refused"), method="POST", url=f"{server.url}{V3}/image", is_reusable=True
    )
    found = loco("deploy", *ENGINE)
    assert found.code == 7
    assert "it may have v3 by now\nnext: loco deploy --attach v3\n" in found.err
    assert sum(clock.slept) > 110
    assert f"POST {V3}/cancel" not in server.asked


def test_a_second_ctrl_c_while_the_first_is_told_of_shows_no_trace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(_argv: list[str]) -> int:
        raise KeyboardInterrupt from Interrupted("v3 goes on")

    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(command_line, "run", run)
    try:
        with pytest.raises(SystemExit) as ended:
            entry.main()
    finally:
        signal.signal(signal.SIGINT, before)
    assert (ended.value.code, capsys.readouterr().err) == (130, "interrupted\n")
