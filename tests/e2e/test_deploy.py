"""From a folder to a running URL, as a person sees it."""

import json
import subprocess
import threading
from pathlib import Path

import httpx
import pytest

from tests.e2e.stack import HTTPD, QUICK, Clock, Stack, httpd
from tests.waiting import eventually

pytestmark = pytest.mark.engine


def test_a_folder_becomes_an_app_that_answers_and_logs(stack: Stack) -> None:
    folder = httpd(stack, "first", text="hello from first")
    done = stack.loco("deploy", cwd=folder)
    assert f"http://first.localhost:{stack.edge}/" in done.stdout
    assert stack.get("first").text == "hello from first"
    eventually(lambda: "response:200" in stack.loco("logs", cwd=folder).stdout)


def test_a_folder_without_loco_toml_deploys_under_its_own_name(stack: Stack) -> None:
    folder = httpd(stack, "bare")
    (folder / "loco.toml").unlink()
    stack.loco("deploy", cwd=folder)
    assert stack.get("bare").status_code == 200


def test_a_second_deploy_without_a_change_says_so_and_takes_no_number(stack: Stack) -> None:
    folder = httpd(stack, "same")
    stack.loco("deploy", cwd=folder)
    again = stack.loco("deploy", cwd=folder)
    assert "nothing changed" in again.stdout + again.stderr
    assert stack.json("status", cwd=folder)["latest"]["number"] == 1


def test_a_changed_file_is_a_new_deployment_and_the_old_one_is_gone(stack: Stack) -> None:
    folder = httpd(stack, "changing", text="one")
    stack.loco("deploy", cwd=folder)
    (folder / "www/index.html").write_text("two")
    stack.loco("deploy", cwd=folder)
    assert stack.get("changing").text == "two"
    status = stack.json("status", cwd=folder)
    assert status["live"]["number"] == 2
    assert [instance["deployment"] for instance in status["instances"]] == [2]


def test_force_rolls_what_has_not_changed(stack: Stack) -> None:
    folder = httpd(stack, "forced")
    stack.loco("deploy", cwd=folder)
    stack.loco("deploy", "--force", cwd=folder)
    assert stack.json("status", cwd=folder)["live"]["number"] == 2


def test_redeploy_gives_new_containers_of_the_same_image(stack: Stack) -> None:
    folder = httpd(stack, "again")
    stack.loco("deploy", cwd=folder)
    before = stack.json("status", cwd=folder)
    stack.loco("redeploy", cwd=folder)
    after = stack.json("status", cwd=folder)
    assert after["live"]["digest"] == before["live"]["digest"]
    assert after["instances"][0]["name"] != before["instances"][0]["name"]


def test_destroy_asks_for_the_name_and_leaves_nothing(stack: Stack) -> None:
    folder = httpd(stack, "doomed")
    stack.loco("deploy", cwd=folder)
    stack.loco("destroy", "--confirm", "wrong", cwd=folder, exit_code=2)
    assert stack.get("doomed").status_code == 200
    stack.loco("destroy", "--confirm", "doomed", cwd=folder)
    assert stack.get("doomed").status_code == 404
    stack.loco("status", cwd=folder, exit_code=5)


def test_two_apps_share_a_host_by_path_and_one_calls_the_other(stack: Stack) -> None:
    backend = stack.app(
        "share-api",
        HTTPD,
        toml=QUICK + '[[routes]]\nhost = "share"\npath = "/api"\n',
        files={"www/api/index.html": "from the backend", "www/index.html": "root of the backend"},
    )
    stack.loco("deploy", cwd=backend)
    script = "#!/bin/sh\necho\nwget -q -O - http://$LOCO_APP_SHARE_API_HOST:$LOCO_APP_SHARE_API_PORT/api/\n"
    ui = stack.app(
        "share",
        HTTPD.replace("USER", "RUN chmod 755 /www/cgi-bin/ask\nUSER"),
        toml=QUICK,
        files={"www/index.html": "the ui", "www/cgi-bin/ask": script},
    )
    stack.loco("deploy", cwd=ui)
    assert stack.get("share").text == "the ui"
    assert stack.get("share", "/api/").text == "from the backend"
    assert stack.get("share", "/apix").status_code == 404
    assert stack.get("share", "/cgi-bin/ask").text == "from the backend"


def test_with_json_the_result_is_one_object_and_the_way_to_it_one_a_line(stack: Stack) -> None:
    found = stack.loco("deploy", "--json", cwd=httpd(stack, "machine"))
    assert json.loads(found.stdout)["result"]["deployment"]["state"] == "live"
    assert len([json.loads(line) for line in found.stderr.splitlines()]) > 3


def test_no_request_fails_while_an_app_is_redeployed(stack: Stack) -> None:
    folder = httpd(stack, "steady", toml=QUICK + "[scale]\nreplicas = 2\n")
    stack.loco("deploy", cwd=folder)
    stop = threading.Event()
    answers: list[int | str] = []

    def ask() -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{stack.edge}", headers={"host": "steady.localhost"}) as client:
            while not stop.is_set():
                try:
                    answers.append(client.get("/").status_code)
                except httpx.HTTPError as e:
                    answers.append(repr(e))

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3):
            stack.loco("redeploy", cwd=folder)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert len(answers) > 100
    assert set(answers) == {200}


def test_logs_follow_across_a_redeploy_without_losing_or_repeating_a_line(stack: Stack) -> None:
    count = 'i=0; while :; do i=$((i+1)); echo "line $LOCO_DEPLOYMENT $i"; sleep 0.05; done & '
    dockerfile = (
        "FROM loco-test/base:1\nUSER 10001\nSTOPSIGNAL SIGKILL\n"
        f"CMD {json.dumps(['sh', '-c', count + 'exec httpd -f -p 8080 -h /www'])}\n"
    )
    folder = stack.app("counting", dockerfile, toml=QUICK)
    stack.loco("deploy", cwd=folder)
    with stack.begin("logs", "-f", "-n", "0", cwd=folder) as follower:
        eventually(lambda: "line v1 " in follower.said)
        stack.loco("redeploy", cwd=folder)
        eventually(lambda: follower.said.count("line v2 ") > 10)
    seen = follower.lines[:-1]  # the last one may have been cut by the end of the follower
    for version in ("v1", "v2"):
        numbers = [int(line.rsplit(" ", 1)[1]) for line in seen if f"line {version} " in line]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert [line for line in seen if "line v2 1\n" in line]


def test_a_line_is_shown_within_a_second(stack: Stack) -> None:
    folder = httpd(stack, "prompt")
    stack.loco("deploy", cwd=folder)
    with stack.begin("logs", "-f", "-n", "0", cwd=folder) as follower:

        def shown() -> bool:
            stack.get("prompt", "/?warm")
            return bool(follower.lines)

        eventually(shown)  # it follows from here on
        before = len(follower.lines)
        clock = Clock()
        stack.get("prompt", "/?seen")
        eventually(lambda: len(follower.lines) > before, within=5, every=0.01)
        assert clock.seconds < 1


def test_the_example_folders_are_deployed_as_they_stand(stack: Stack) -> None:
    examples = Path(__file__).parents[2] / "examples"
    base = ["--build-arg", "BASE=loco-test/base:1"]
    before = _changed(examples)
    for folder in ("hello", "shop/api", "shop/ui", "multiport"):
        stack.loco("deploy", *base, cwd=examples / folder)
    assert stack.get("hello").text.startswith("Hello from hello v1")
    assert json.loads(stack.get("shop", "/api").text)["from"] == "shop-api v1"
    assert '"from": "shop-api v1"' in stack.get("shop").text  # the UI asked the backend by its injected address
    assert "8080" in stack.get("multiport").text
    assert "9090" in stack.get("multiport", "/admin").text
    assert _changed(examples) == before


def _changed(folder: Path) -> bytes:
    """Give what git finds changed in a folder."""
    return subprocess.run(["git", "status", "--porcelain", "."], cwd=folder, capture_output=True, check=True).stdout


def test_the_last_five_images_of_an_app_stay_and_none_of_a_destroyed_one(stack: Stack) -> None:
    folder = httpd(stack, "kept", text="0")
    for text in "123456":
        (folder / "www/index.html").write_text(text)
        stack.loco("deploy", cwd=folder)
    eventually(lambda: len(_images(stack, "kept")) == 5, within=30)
    assert stack.get("kept").text == "6"
    stack.loco("destroy", "--confirm", "kept", cwd=folder)
    assert _images(stack, "kept") == []


def _images(stack: Stack, app: str) -> list[Path]:
    """Give the image tags that the registry keeps of an app."""
    return list((stack.data_dir / "registry").rglob(f"repositories/*/{app}-*/_manifests/tags/*"))
