"""What a deployment would change, told before it is made: exactly that, and nothing of it is done."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.stack import QUICK, Stack, httpd

pytestmark = pytest.mark.engine

WRITTEN = ("apps", "deployments", "events", "audit_events", "hosts", "routes", "variables", "teams")
"""Tables that a deployment writes. The server's own work and the use of tokens write others."""
TOML = """\
port = 8080
env = { LOG_LEVEL = "info" }
"""


def rows(stack: Stack) -> dict[str, list[Any]]:
    with sqlite3.connect(f"file:{stack.data_dir}/loco.db?mode=ro", uri=True) as db:
        return {table: db.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall() for table in WRITTEN}  # noqa: S608


def told(stack: Stack, folder: Path, *args: str, exit_code: int = 10) -> dict[str, tuple[str | None, str | None]]:
    found = stack.json(*args, "--exit-code", cwd=folder, exit_code=exit_code)
    return {change["field"]: (change["before"], change["after"]) for change in found["changes"]}


def test_a_diff_tells_exactly_what_the_next_deploy_then_does(stack: Stack) -> None:
    folder = httpd(stack, "planned", toml=TOML + QUICK)
    (folder / ".dockerignore").write_text("loco.toml\n")  # else a word in it is another context
    new = told(stack, folder, "diff")
    assert (new["port"], new["digest"], new["name"]) == ((None, "8080"), (None, "built anew"), (None, "planned"))
    stack.loco("variables", "set", "KEPT=1", "CHANGED=1", cwd=folder)
    stack.loco("deploy", cwd=folder)
    assert told(stack, folder, "diff", exit_code=0) == {}
    assert "nothing would change" in stack.loco("diff", "--exit-code", cwd=folder).stdout
    before = {item["name"]: item["digest"] for item in stack.json("variables", "list", cwd=folder)["variables"]}
    stack.loco("variables", "set", "CHANGED=2", "MORE=1", "--stage", cwd=folder)
    after = {item["name"]: item["digest"] for item in stack.json("variables", "list", cwd=folder)["variables"]}
    toml = TOML.replace("info", "debug").replace("8080", "8081") + "scale = { replicas = 2 }\n" + QUICK
    (folder / "loco.toml").write_text(toml)
    expected = {
        "port": ("8080", "8081"),
        "scale.replicas": (None, "2"),
        "env.LOG_LEVEL": ("info", "debug"),
        "variables.CHANGED": (before["CHANGED"], after["CHANGED"]),
        "variables.MORE": (None, after["MORE"]),
    }
    kept = rows(stack)
    assert told(stack, folder, "diff") == expected
    assert told(stack, folder, "deploy", "--dry-run") == expected
    shown = stack.loco("deploy", "--dry-run", cwd=folder).stdout
    assert "what would change of planned (team" in shown
    assert "~ env.LOG_LEVEL      info -> debug" in shown
    (folder / "loco.toml").write_text(toml.replace("8081", "8080"))
    (folder / "Dockerfile").write_text((folder / "Dockerfile").read_text() + "ENV A=1\n")
    digest = stack.json("status", cwd=folder)["live"]["digest"]
    assert told(stack, folder, "diff") == {name: expected[name] for name in expected if name != "port"} | {
        "digest": (digest, "built anew")
    }
    assert rows(stack) == kept
    assert stack.json("status", cwd=folder)["latest"]["number"] == 1
    stack.loco("deploy", cwd=folder)
    assert told(stack, folder, "diff", exit_code=0) == {}


def test_what_a_deploy_would_be_refused_for_is_what_its_dry_run_ends_with(stack: Stack) -> None:
    httpd(stack, "owner", toml='[[routes]]\nhost = "wanted"\n' + QUICK)
    stack.loco("deploy", cwd=stack.folder / "apps/owner")
    folder = httpd(stack, "wanting", toml='[[routes]]\nhost = "wanted"\n' + QUICK)
    kept = rows(stack)
    refused = stack.loco("deploy", "--dry-run", cwd=folder, exit_code=1)
    assert "would be refused: wanted.localhost/ belongs to another app" in refused.stdout
    assert "belongs to another app" in stack.loco("diff", cwd=folder).stdout
    assert rows(stack) == kept
    assert "belongs to another app" in stack.loco("deploy", cwd=folder, exit_code=1).stderr
