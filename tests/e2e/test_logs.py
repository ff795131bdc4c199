"""`loco logs` of one instance, and of what is over, on a running platform."""

import json
from pathlib import Path

import pytest

from loco_spec.exits import Exit
from tests.e2e.stack import QUICK, Stack
from tests.waiting import eventually

pytestmark = pytest.mark.engine

SPEAKING = """\
FROM loco-test/base:1
USER 10001
STOPSIGNAL SIGKILL
CMD ["/bin/sh", "-c", "echo in $LOCO_DEPLOYMENT; exec httpd -f -p 8080 -h /tmp"]
"""


def _app(stack: Stack, name: str) -> Path:
    return stack.app(name, SPEAKING, toml=QUICK)


def test_one_instance_and_what_is_over_are_read_across_a_redeploy(stack: Stack) -> None:
    app = _app(stack, "speaking")
    stack.loco("deploy", cwd=app)
    assert stack.loco("logs", "-p", cwd=app).stdout == ""
    stack.loco("redeploy", cwd=app)

    def texts(*args: str) -> list[tuple[str, str]]:
        said = stack.loco("logs", *args, "--json", cwd=app).stdout
        return [(line["instance"], line["text"]) for line in map(json.loads, said.splitlines())]

    former, present = ("v1-1", "in v1"), ("v2-1", "in v2")
    eventually(lambda: texts() == [former, present])
    assert texts("--previous") == texts("--instance", "v1-1") == [former]
    assert texts("--instance", "v2-1") == [present]
    assert texts("-p", "--instance", "v2-1") == []
    unknown = stack.loco("logs", "--instance", "v3-1", cwd=app, exit_code=Exit.NOT_FOUND)
    assert unknown.stderr == "error: speaking has no instance 'v3-1', live or kept\nnext: one of v1-1, v2-1\n"
    other = _app(stack, "unspoken")
    stack.loco("deploy", cwd=other)
    none = stack.loco("logs", "-f", "--instance", "v2-1", cwd=other, exit_code=Exit.NOT_FOUND)
    assert none.stderr.endswith("next: one of v1-1\n")


CRASHING = """\
FROM loco-test/base:1
USER 10001
CMD ["/bin/sh", "-c", "echo it breaks in $LOCO_DEPLOYMENT; exit 3"]
"""


def test_what_a_failed_deployment_said_is_read_when_its_containers_are_gone(stack: Stack) -> None:
    app = _app(stack, "breaking")
    stack.loco("deploy", cwd=app)
    (app / "Dockerfile").write_text(CRASHING)
    stack.loco("deploy", cwd=app, exit_code=Exit.DEPLOYMENT_FAILED)
    assert [each["deployment"] for each in stack.json("status", cwd=app)["instances"]] == [1]

    def texts(*args: str) -> list[str]:
        said = stack.loco("logs", *args, "--json", cwd=app).stdout
        return [json.loads(line)["text"] for line in said.splitlines()]

    assert texts("--deployment", "v2") == ["it breaks in v2"]
    assert texts("--grep", "in v[12]$", "-n", "1") == texts("--deployment", "2", "--instance", "v2-1")
    assert texts("--deployment", "v1", "--until", "1h") == []
    missing = stack.loco("logs", "--deployment", "v9", cwd=app, exit_code=Exit.NOT_FOUND)
    assert missing.stderr == "error: breaking has no deployment v9\nnext: loco status\n"
