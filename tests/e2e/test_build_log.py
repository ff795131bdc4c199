"""What a build said is kept with its deployment, also when it failed."""

import json
from uuid import uuid4

import pytest

from tests.e2e.stack import Stack, httpd
from tests.e2e.test_bad_input import BUILD, USAGE

pytestmark = [pytest.mark.engine, pytest.mark.sample("established")]


def test_the_log_of_a_build_is_read_later_by_number_and_as_the_newest(stack: Stack) -> None:
    folder = httpd(stack, "logged")
    dockerfile = (folder / "Dockerfile").read_text()
    first, second = str(uuid4()), str(uuid4())
    (folder / "Dockerfile").write_text(dockerfile.replace("COPY", f"RUN echo said {first}\nCOPY"))
    stack.loco("deploy", cwd=folder)
    (folder / "Dockerfile").write_text(dockerfile.replace("COPY", f"RUN echo said {second}; exit 3\nCOPY"))
    failed = stack.loco("deploy", cwd=folder, exit_code=BUILD)
    assert f"said {second}" in failed.stderr
    newest = stack.loco("logs", "--build", cwd=folder).stdout
    assert f"  said {second}\n" in newest
    assert "failed after" in newest
    assert f"  said {first}\n" in stack.loco("logs", "--build", "--deployment", "v1", cwd=folder).stdout
    as_json = json.loads(stack.loco("logs", "--build", "--json", cwd=folder).stdout)
    assert (as_json["version"], as_json["result"]["deployment"]) == (1, 2)
    assert as_json["result"]["text"] == newest
    assert stack.loco("logs", "--build", "-n", "1", cwd=folder).stdout == newest.splitlines(keepends=True)[-1]


def test_a_secret_is_in_no_log_even_when_its_step_prints_it(stack: Stack) -> None:
    folder = httpd(stack, "secretive")
    (stack.folder / "npmrc").write_text("//registry/:_authToken=a-planted-secret\n")
    (folder / "Dockerfile").write_text(
        "FROM loco-test/base:1\n"
        "RUN --mount=type=secret,id=npm --mount=type=secret,id=key"
        f" cat /run/secrets/npm /run/secrets/key; echo read # {uuid4()}\n"
        'COPY www /www\nUSER 10001\nCMD ["httpd", "-f", "-p", "8080", "-h", "/www"]\n'
    )
    secrets = ("--build-secret", f"id=npm,src={stack.folder}/npmrc", "--build-secret", "id=key,env=A_KEY")
    stack.loco("deploy", *secrets, cwd=folder, A_KEY="a-planted-secret-too")
    log = stack.loco("logs", "--build", cwd=folder).stdout
    assert "  ***\n" in log
    assert "read" in log
    everything = (path.read_bytes() for path in stack.folder.rglob("*") if path.is_file() and path.name != "npmrc")
    assert not [1 for content in everything if b"a-planted-secret" in content]


def test_a_deployment_without_a_build_has_no_log_and_the_newest_with_one_is_shown(stack: Stack) -> None:
    folder = httpd(stack, "unbuilt", text=str(uuid4()))
    stack.loco("deploy", cwd=folder)
    stack.loco("redeploy", cwd=folder)
    assert "FROM" in stack.loco("logs", "--build", cwd=folder).stdout
    none = stack.loco("logs", "--build", "--deployment", "v2", cwd=folder, exit_code=5)
    assert "v2" in none.stderr


@pytest.mark.parametrize("options", [("--build", "-f"), ("--build", "-p"), ("--build", "--deployment", "newest")])
def test_options_that_do_not_go_together_are_refused(stack: Stack, options: tuple[str, ...]) -> None:
    stack.loco("logs", *options, "--app", "any", exit_code=USAGE)
