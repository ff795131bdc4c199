"""`loco-server admin check` beside a real platform: while it runs, after it was killed, and after it was stopped."""

import json
from typing import Any

import pytest

from tests.certificates import Authority
from tests.e2e.stack import Stack
from tests.ports import free_ports

pytestmark = [pytest.mark.engine, pytest.mark.sample("established")]


def checked(stack: Stack, exit_code: int) -> dict[str, Any]:
    found = stack.operator("admin", "check", "--data-dir", str(stack.data_dir), "--json", check=False)
    assert found.returncode == exit_code, found.stdout + found.stderr
    return {each["name"]: each for each in json.loads(found.stdout)["findings"]}


def test_a_platform_that_runs_lacks_nothing_and_what_a_killed_one_lacks_is_told(own_stack: Stack) -> None:
    own_stack.start()
    found = checked(own_stack, 0)
    assert {name: each["state"] for name, each in found.items()} == dict.fromkeys(found, "ok"), found
    assert found["ports"]["said"] == f"{own_stack.api}, {own_stack.edge}, {own_stack.registry}: ours"
    assert own_stack.url in found["server"]["said"]
    shown = own_stack.operator("admin", "check", "--data-dir", str(own_stack.data_dir)).stdout
    assert shown.splitlines()[-1] == f"{len(found)} checks: all is well"
    own_stack.kill()
    found = checked(own_stack, 1)
    assert {name for name, each in found.items() if each["state"] == "missing"} == {"server"}
    assert "runs (pid" in found["edge"]["said"]
    assert "runs (pid" in found["registry"]["said"]
    own_stack.server("stop")
    assert {name for name, each in checked(own_stack, 1).items() if each["state"] == "warning"} == {"edge", "registry"}


def test_a_public_machine_is_known_by_its_folder_with_its_ports_and_its_certificate(own_stack: Stack) -> None:
    domain, (https, http) = "apps.loco-test.invalid", free_ports(2)
    certificate, key = Authority().pair(f"*.{domain}").write(own_stack.folder)
    own_stack.start(
        *("run", "--data-dir", str(own_stack.data_dir), "--domain", domain, "--address", "127.0.0.1"),
        *(f"--tls-cert={certificate}", f"--tls-key={key}", f"--https-port={https}", f"--http-port={http}"),
        *(f"--api-port={own_stack.api}", f"--registry-port={own_stack.registry}"),
    )
    found = checked(own_stack, 0)
    assert {each["name"] for each in found.values() if each["state"] != "ok"} == {"names"}, found
    assert f"not found in the DNS: api.{domain}" in found["names"]["said"]
    assert f"for *.{domain}, until" in found["certificate"]["said"]
    assert f"{https}, {http}" in found["ports"]["said"]
    own_stack.server("stop")
