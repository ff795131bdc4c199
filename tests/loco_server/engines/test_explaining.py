"""From what an engine saw to what is said of it: the cases that no container shows at will."""

import dataclasses
import signal
from ipaddress import IPv4Address
from typing import get_args

import pytest

from loco_server.engines import explaining
from loco_server.engines.facts import BadStatus, Ended, Listener, Unreachable
from loco_server.rollouts import failures
from loco_spec.errors import Cause
from tests.contract.engines import unit

UNIT = unit("an-image")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "0"),
        (1, "1: some error, the app's own"),
        (3, "3"),
        (127, "127: a command was not found"),
        (134, "134 = 128 + 6, SIGABRT: it gave up by itself: abort(), a failed assertion"),
        (139, "139 = 128 + 11, SIGSEGV: a segmentation fault: it touched memory that is not its own"),
        (143, "143 = 128 + 15, SIGTERM: asked to end from outside"),
        (128 + signal.SIGUSR1, f"{128 + signal.SIGUSR1} = 128 + {signal.SIGUSR1.value}, SIGUSR1"),
        (128, "128"),
        (250, "250"),
        (-1, "-1"),
    ],
)
def test_exit_codes_are_put_in_words(code: int, words: str) -> None:
    assert explaining.exit_words(code) == words


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("manifest unknown: manifest unknown", "image-gone"),
        ('rpc error: code = NotFound desc = failed to resolve reference "r/x@sha256:1": r/x: not found', "image-gone"),
        ("unauthorized: authentication required", "pull-refused"),
        ("pull access denied for x, repository does not exist or may require 'docker login'", "pull-refused"),
        ("error parsing HTTP 403 response body: forbidden", "pull-refused"),
        ("dial tcp: lookup registry on 127.0.0.53:53: no such host", "registry-away"),
        ("Get https://r/v2/: dial tcp 10.0.0.1:443: i/o timeout", "registry-away"),
        ("received unexpected HTTP status: 503 Service Unavailable", "registry-away"),
        ("failed to register layer: write /x: no space left on device", "disk-full"),
        ("no matching manifest for linux/arm64 in the manifest list entries", "wrong-platform"),
        ("layers from manifest don't match image configuration", "pull-failed"),
    ],
)
def test_a_registrys_answer_has_one_cause_and_is_shown(said: str, cause: str) -> None:
    found = explaining.pull("v2", "127.0.0.1:5000", said)
    assert (found.phase, found.cause) == ("pulling", cause)
    assert said.rpartition('": ')[2] in found.evidence[-1].text


@pytest.mark.parametrize("line", ["cp: /a: No space left on device", "OSError: [Errno 28] ENOSPC"])
def test_a_full_disk_is_known_by_the_kernels_own_words(line: str) -> None:
    assert explaining.ended(UNIT, "v2-1", Ended(1), ["begin", line, "end"]).cause == "disk-full"


def test_a_read_only_file_system_is_the_apps_only_where_it_asked_for_one() -> None:
    lines = ["touch: /x: Read-only file system"]
    assert explaining.ended(UNIT, "v2-1", Ended(1), lines).cause == "exited"
    assert explaining.ended(dataclasses.replace(UNIT, read_only=True), "v2-1", Ended(1), lines).cause == "read-only"


def test_memory_and_the_codes_of_shells_say_more_than_last_lines() -> None:
    lines = ["sh: x: Permission denied"]
    assert explaining.ended(UNIT, "v2-1", Ended(137, out_of_memory=True), lines).cause == "out-of-memory"
    assert explaining.ended(UNIT, "v2-1", Ended(126), lines).cause == "command-not-executable"
    assert explaining.ended(UNIT, "v2-1", Ended(0), lines).cause == "exited-zero"


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("exec /app: exec format error", "exec-format"),
        ("exec /app: permission denied", "command-not-executable"),
        ("exec /app: no such file or directory", "command-not-found"),
    ],
)
def test_what_the_runtime_says_in_the_apps_place_is_told_in_the_phase_that_it_was_in(line: str, cause: str) -> None:
    found = explaining.ended(UNIT, "v2-1", Ended(1), [line])
    assert (found.phase, found.cause) == ("starting", cause)
    assert explaining.ended(UNIT, "v2-1", Ended(1), [line], phase="releasing").phase == "releasing"
    assert explaining.restarting(UNIT, "v2-1", Ended(1), 3, [line]).phase == "running"


def test_of_several_ports_one_that_others_reach_is_proposed() -> None:
    found = {Listener(IPv4Address("127.0.0.1"), 3000), Listener(IPv4Address(0), 4000)}
    told = explaining.unhealthy(UNIT, "v2-1", Unreachable(8080, "connection refused"), found)
    assert told.cause == "wrong-port"
    assert "`port = 4000`" in told.hint
    assert told.evidence[0].text == "0.0.0.0:4000, 127.0.0.1:3000"


def test_a_body_that_nobody_kept_is_not_called_empty() -> None:
    def said(body: str | None) -> str:
        return explaining.unhealthy(UNIT, "v2-1", BadStatus("/", 500, body)).message

    assert said("") == "v2-1 answered GET / with 500, without a body"
    assert said(None) == said("away") == "v2-1 answered GET / with 500"


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ('pods "web" is forbidden: exceeded quota: app, requested: pods=1', "quota-exceeded"),
        ('violates PodSecurity "restricted:latest": runAsNonRoot', "pod-security"),
        ('admission webhook "x.example" denied the request: no', "admission-refused"),
        ("ValidatingAdmissionPolicy 'x' with binding 'x' denied request: no", "admission-refused"),
        ("mkdir /var/lib/docker/x: no space left on device", "disk-full"),
        ("something else", "engine-refused"),
    ],
)
def test_what_an_engine_refuses_has_a_cause(said: str, cause: str) -> None:
    assert explaining.refused("v2", said).cause == cause


@pytest.mark.parametrize(
    ("said", "reason", "cause"),
    [
        ("container has runAsNonRoot and image will run as root", "CreateContainerConfigError", "runs-as-root"),
        ("image has non-numeric user (app), cannot verify", "CreateContainerConfigError", "user-missing"),
        ('secret "env-v12" not found', "CreateContainerConfigError", "config-missing"),
        ("unable to find group staff: no matching entries in group file", "", "user-missing"),
        ('exec: "/srv": is a directory: unknown', "", "command-not-executable"),
        ("write /etc/hosts: no space left on device", "", "disk-full"),
    ],
)
def test_what_cannot_be_started_has_a_cause(said: str, reason: str, cause: str) -> None:
    assert explaining.not_started("v2-1", said, reason).cause == cause


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (
            'OCI runtime exec failed: exec failed: exec: "psql": executable file not found in $PATH',
            ("psql", "not found"),
        ),
        ('runc create failed: exec: "/srv": permission denied: unknown', ("/srv", "permission denied")),
        ("cannot exec in a stopped container", None),
        ('exec: "sh": resource temporarily unavailable', None),
    ],
)
def test_what_could_not_be_run_is_found_in_the_words_of_a_runtime(said: str, found: tuple[str, str] | None) -> None:
    assert explaining.not_run(said) == found


def test_long_words_of_others_are_cut() -> None:
    found = explaining.refused("v2", "x" * 10_000)
    assert len(found.message) < 500
    assert len(explaining.unschedulable("v2-1", "x" * 10_000).evidence[0].text) < 500


def test_a_defect_has_a_phase_and_its_seconds() -> None:
    found = failures.diagnosis("server-fault", "a defect", "loco deploy", phase="checking", seconds=1.26)
    assert (found.phase, found.seconds, found.total) == ("checking", 1.3, None)
    assert found.cause in get_args(Cause)
