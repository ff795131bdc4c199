"""Variables as the app itself sees them. Where else a value can be found tells test_sentinel.py."""

from pathlib import Path

import pytest

from tests.e2e.stack import HTTPD, QUICK, Stack

pytestmark = pytest.mark.engine

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
