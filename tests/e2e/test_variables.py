"""Variables as the app itself sees them, and where else a value can be found: in the engine's record alone."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.e2e.stack import HTTPD, QUICK, Stack

pytestmark = pytest.mark.engine

SENTINEL = "sesame-9f3c-open"
ENV = "#!/bin/sh\necho\nenv\n"


def app(stack: Stack, name: str, toml: str = "") -> Path:
    return stack.app(
        name,
        HTTPD.replace("USER", "RUN chmod 755 /www/cgi-bin/env\nUSER"),
        toml=toml + QUICK,
        files={"www/index.html": "hello", "www/cgi-bin/env": ENV},
    )


def seen(stack: Stack, name: str) -> dict[str, str]:
    """The environment of the app's container, as its own process prints it."""
    text = stack.get(name, "/cgi-bin/env").text
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def states(stack: Stack, folder: Path) -> dict[str, str]:
    return {item["name"]: item["state"] for item in stack.json("variables", "list", cwd=folder)["variables"]}


def test_an_app_has_what_was_set_over_what_its_file_says_until_it_is_unset(stack: Stack) -> None:
    folder = app(stack, "told", 'env = { LEVEL = "plain", KEPT = "kept" }\n')
    assert "is new" in stack.loco("variables", "set", "LEVEL=set", "LOCO_TEAM=mine", cwd=folder).stderr
    stack.loco("deploy", cwd=folder)
    found = seen(stack, "told")
    assert (found["LEVEL"], found["KEPT"], found["LOCO_TEAM"], found["LOCO_APP"]) == ("set", "kept", "mine", "told")
    stack.loco("variables", "set", "LEVEL=staged", "MORE=two words", "--stage", cwd=folder)
    assert states(stack, folder) == {"LEVEL": "staged", "LOCO_TEAM": "deployed", "MORE": "staged"}
    assert seen(stack, "told")["LEVEL"] == "set"
    assert "is live" in stack.loco("deploy", cwd=folder).stdout
    found = seen(stack, "told")
    assert (found["LEVEL"], found["MORE"], found["LOCO_DEPLOYMENT"]) == ("staged", "two words", "v2")
    assert "nothing changed" in stack.loco("deploy", cwd=folder).stdout
    stack.loco("variables", "unset", "LEVEL", "MORE", "--purge", cwd=folder)
    found = seen(stack, "told")
    assert (found["LEVEL"], found.get("MORE"), found["LOCO_DEPLOYMENT"]) == ("plain", None, "v3")
    history = stack.json("variables", "history", "LEVEL", cwd=folder)["versions"]
    assert [item["action"] for item in history] == ["unset", "purged", "purged"]


def test_the_engines_record_of_the_container_is_the_only_place_with_a_value(own_stack: Stack) -> None:
    stack = own_stack
    stack.start()
    stack.loco("login")
    folder = app(stack, "sealed")
    release = 'release_command = ["sh", "-c", "test -n \\"$SECRET\\""]\n'
    (folder / "loco.toml").write_text(QUICK.replace("[deploy]\n", f"[deploy]\n{release}"))
    (stack.folder / "secret.env").write_text(f"SECRET='{SENTINEL}'\n")
    said = [stack.loco("variables", "import", stack.folder / "secret.env", "--json", cwd=folder)]
    (stack.folder / "secret.env").unlink()
    said += [stack.loco("deploy", "--json", cwd=folder)]
    said += [stack.loco("redeploy", "--json", cwd=folder)]
    said += [stack.loco(*args, "--json", cwd=folder) for args in (("variables", "list"), ("variables", "history"))]
    said += [stack.loco("variables", "set", "BAD=1", "--json", cwd=folder)]
    said += [stack.loco(*args, "--json", cwd=folder) for args in (("status",), ("logs",), ("apps",))]
    assert seen(stack, "sealed")["SECRET"] == SENTINEL
    with stack.client() as client:
        path = f"/v1/teams/{client.get('/v1/me').json()['default_team']}/apps/sealed"
        answers = [
            client.get(f"{path}{more}").text for more in ("", "/deployments", "/variables", "/variables/history")
        ]
        answers += [client.get(f"{path}/deployments/{number}/events").text for number in (1, 2, 3)]
    container = subprocess.run(
        ["docker", "ps", "-q", "--filter", "label=loco/app=sealed"], check=True, capture_output=True, text=True
    ).stdout.split()[0]
    record = json.loads(subprocess.run(["docker", "inspect", container], check=True, capture_output=True).stdout)[0]
    assert f"SECRET={SENTINEL}" in record["Config"]["Env"]
    record["Config"].pop("Env")
    stack.kill()  # and a crash: whatever it leaves behind
    stack.start()
    stack.stop()
    files = [path for path in stack.folder.rglob("*") if path.is_file()]
    assert stack.data_dir / "loco.db" in files
    for text in [json.dumps(record), *answers, *(part for each in said for part in (each.stdout, each.stderr))]:
        assert SENTINEL not in text
    assert [path for path in files if SENTINEL.encode() in path.read_bytes()] == []


def test_a_start_without_the_keys_is_refused_and_one_with_them_is_not(own_stack: Stack) -> None:
    stack = own_stack
    stack.start()
    stack.loco("login")
    stack.loco("variables", "set", "A", "--stdin", "--app", "shop", exit_code=0)
    stack.stop()
    keys = stack.data_dir / "keys/variables.keys"
    kept = keys.rename(stack.folder / "kept")
    refused = stack.server("--detach", *stack.ports, check=False)
    assert refused.returncode == 1
    assert "the keys that variables are sealed with are not there" in refused.stderr
    assert not keys.exists()
    kept.rename(keys)
    stack.start()
    stack.stop()
