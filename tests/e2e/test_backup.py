"""A machine that is lost, and made again from a backup, the keys and the images."""

import shutil

import docker
import pytest

from tests.e2e.stack import Stack, httpd
from tests.e2e.test_local import running
from tests.waiting import eventually

pytestmark = pytest.mark.engine


def test_what_is_backed_up_while_it_serves_serves_again_after_everything_was_lost(
    own_stack: Stack, docker_client: docker.DockerClient
) -> None:
    own_stack.start()
    own_stack.loco("login")
    app = httpd(own_stack, text="worth keeping")
    own_stack.loco("deploy", cwd=app)
    own_stack.loco("variables", "set", "SECRET", "--stdin", "--app", "hello", given="planted")
    admin = ("admin", "--data-dir", str(own_stack.data_dir))
    file, kept = own_stack.folder / "loco.backup", own_stack.folder / "kept"
    said = own_stack.operator(*admin, "backup", str(file)).stdout
    assert "cannot be opened without k1" in said
    assert "a loco-server serves" in own_stack.operator(*admin, "restore", str(file), check=False).stderr
    own_stack.stop()
    for part in ("keys", "registry"):
        shutil.copytree(own_stack.data_dir / part, kept / part)
    own_stack.server("reset", "--yes")
    assert running(docker_client, own_stack) == []
    assert not own_stack.data_dir.exists()

    shutil.copytree(kept, own_stack.data_dir)
    said = own_stack.operator(*admin, "restore", str(file)).stdout
    assert "variables.keys opens the variables" in said
    own_stack.start()
    eventually(lambda: own_stack.get("hello").text == "worth keeping", within=30)
    status = own_stack.json("status", "--app", "hello")  # with the session that was there before
    assert status["live"]["number"] == 2
    assert [item["name"] for item in own_stack.json("variables", "list", "--app", "hello")["variables"]] == ["SECRET"]
    (app / "www/index.html").write_text("and later")
    own_stack.loco("deploy", cwd=app)
    assert own_stack.get("hello").text == "and later"
    assert own_stack.json("status", "--app", "hello")["live"]["number"] == 103
