"""Back and forth on a real engine, while somebody asks all the time; and what a release command said."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.e2e.stack import HTTPD, QUICK, Stack
from tests.waiting import eventually

pytestmark = pytest.mark.engine

RELEASE = """
set -e
echo "release of $LOCO_DEPLOYMENT in $LEVEL"
test -e /www/broken || exit 0
i=0; while [ $i -lt 200 ]; do i=$((i+1)); echo "row $i"; done
echo "no such column: price" >&2; exit 3
"""


@contextmanager
def asked_all_the_time(stack: Stack, name: str) -> Iterator[list[str]]:
    """Give what was answered other than 200 meanwhile."""
    stop, failed, answered = threading.Event(), [], [0]

    def ask() -> None:
        with httpx.Client(timeout=10, headers={"host": f"{name}.localhost:{stack.edge}"}) as client:
            while not stop.wait(0.01):
                try:
                    answer = client.get(f"http://127.0.0.1:{stack.edge}/")
                    answered[0] += 1
                    if answer.status_code != 200:
                        failed.append(f"{answer.status_code}: {answer.text}")
                except httpx.HTTPError as error:
                    failed.append(repr(error))

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield failed
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert answered[0] > 50


def write(folder: Path, text: str, level: str) -> None:
    toml = QUICK.replace("[deploy]\n", '[deploy]\nrelease_command = ["sh", "/www/release"]\n').replace('"2s"', '"1s"')
    (folder / "loco.toml").write_text(f'env = {{ LEVEL = "{level}" }}\n{toml}')
    (folder / "www/index.html").write_text(text)


def instances(stack: Stack, folder: Path) -> list[str]:
    return sorted(item["name"] for item in stack.json("status", cwd=folder)["instances"])


def released(stack: Stack, folder: Path, number: int) -> list[str]:
    """What the release command of a deployment said; empty: it ran none."""
    found = stack.loco("deployments", "show", f"v{number}", "--release-log", "--json", cwd=folder, exit_code=None)
    said = json.loads(found.stdout)
    return [] if found.returncode == 5 else [line["text"] for line in said["result"]["lines"]]


def test_back_forth_up_and_down_lose_no_request_and_a_release_that_fails_tells_all(stack: Stack) -> None:
    folder = stack.app("back", HTTPD, files={"www/release": RELEASE})
    stack.loco("variables", "set", "SECRET=first", cwd=folder)
    write(folder, "one", "info")
    stack.loco("deploy", cwd=folder)
    with asked_all_the_time(stack, "back") as failed:
        stack.loco("variables", "set", "SECRET=second", "--stage", cwd=folder)
        write(folder, "two", "debug")
        stack.loco("deploy", cwd=folder)
        assert stack.get("back").text == "two"
        done = stack.loco("rollback", cwd=folder)
        assert stack.get("back").text == "one"
        assert done.stdout.splitlines()[-1] == "undo: loco rollback v2"
        assert "~ env.LEVEL" in done.stderr
        assert "variables.SECRET" in done.stderr
        assert "first" not in done.stderr + done.stdout
        assert stack.json("deployments", "show", "v3", cwd=folder)["deployment"]["variables"] == {"SECRET": 1}
        stack.loco("rollback", "v2", cwd=folder)
        assert stack.get("back").text == "two"
        stack.loco("scale", "3", cwd=folder)
        assert instances(stack, folder) == ["v5-1", "v5-2", "v5-3"]
        stack.loco("scale", "-1", cwd=folder)
        (folder / "www/broken").write_text("")
        broken = stack.loco("deploy", cwd=folder, exit_code=6)
    assert failed == []
    assert "exit code 3" in broken.stderr
    assert "row 100" not in broken.stderr, "the screen has the last lines alone"
    said = ["release of v7 in debug", *(f"row {number}" for number in range(1, 201)), "no such column: price"]
    assert released(stack, folder, 7) == said
    eventually(lambda: instances(stack, folder) == ["v6-1", "v6-2"])
    assert released(stack, folder, 7) == said, "also when its container is gone"
    assert [released(stack, folder, number) for number in (2, 3, 4, 6)] == [["release of v2 in debug"], [], [], []]
    shown = stack.loco("deployments", "show", "v7", cwd=folder).stdout
    assert shown.startswith("back v7 failed: the release command ended with exit code 3")
    assert "v7 never was live" in stack.loco("rollback", "v7", cwd=folder, exit_code=1).stderr
    listed = stack.json("deployments", cwd=folder)["deployments"]
    assert [(item["action"], item["base"], item["state"]) for item in listed] == [
        ("deploy", None, "failed"),
        ("scale", 5, "live"),
        ("scale", 4, "replaced"),
        ("rollback", 2, "replaced"),
        ("rollback", 1, "replaced"),
        ("deploy", None, "replaced"),
        ("deploy", None, "replaced"),
    ]
