"""Three in ten connections between the CLI and the server break off: nothing is done twice, and nothing is lost."""

from collections.abc import Callable

import pytest

from tests.e2e.cutting import cutting
from tests.e2e.stack import Stack, httpd
from tests.waiting import eventually

pytestmark = [pytest.mark.engine, pytest.mark.sample("faults")]

VERBS = (
    ("redeploy", "--app", "cut"),
    ("variables", "set", "NAME=value{count}", "--app", "cut"),
    ("status", "--app", "cut"),
    ("events",),
)


def _logs(stack: Stack) -> bool:
    """A log that is cut in its midst says so, and to run the command again: what was shown cannot be taken back."""
    with stack.begin("logs", "--app", "cut") as begun:
        code = begun.ended()
    assert code == 0 or (code == 7 and "run the command again" in begun.said), begun.said
    return code == 0


def test_with_three_in_ten_connections_cut_every_verb_is_done_once(
    stack: Stack, seed: int, size: Callable[[str], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, rounds = httpd(stack, "cut"), size("cut_verbs")
    with stack.client() as client:
        token = client.headers["authorization"].removeprefix("Bearer ")
    with cutting(stack.api, seed=seed) as way:
        monkeypatch.setitem(stack.environment, "LOCO_SERVER", f"http://127.0.0.1:{way.port}")
        monkeypatch.setitem(stack.environment, "LOCO_TOKEN", token)
        for count in range(rounds):
            (folder / "www/index.html").write_text(f"number {count}")
            stack.loco("deploy", cwd=folder)
            assert stack.get("cut").text == f"number {count}"
            for verb in VERBS:
                stack.loco(*(word.format(count=count) for word in verb))
            eventually(lambda: _logs(stack), within=30)
        # A deploy, a redeploy and a change of variables are a number each, and no more.
        assert stack.json("status", "--app", "cut")["live"]["number"] == 3 * rounds
        stack.loco("destroy", "--app", "cut", "--confirm", "cut")
        stack.loco("status", "--app", "cut", exit_code=5)
    assert way.cuts > (0 if rounds == 1 else way.connections / 10)
    print(f"{rounds * 6 + 2} verbs, {way.cuts} of {way.connections} connections cut")  # noqa: T201  the figure
