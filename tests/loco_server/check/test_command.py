"""Which of the two is checked, and what becomes of a cluster or a folder that cannot be looked at."""

import json
import socket
import sys
import time
from pathlib import Path

import pytest

from loco_server.check import command, running
from tests.loco_server.check.conftest import Run
from tests.loco_server.check.scripted import Answer, kubeconfig, scripted


def of(text: str) -> str:
    return str(json.loads(text)["of"])


def refused(tmp_path: Path) -> Path:
    """A kubeconfig to a port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    return kubeconfig(tmp_path, f"http://127.0.0.1:{port}")


def test_without_a_word_it_is_this_machine_and_needs_no_server(check: Run, tmp_path: Path) -> None:
    found = check("--data-dir", str(tmp_path / "data"), "--json")
    assert of(found.out) == "machine"
    assert found.findings["server"]["state"] == "missing"
    assert str(tmp_path / "data") in found.findings["server"]["fix"]
    assert found.code == 1
    assert not (tmp_path / "data").exists()


def test_the_folder_that_is_named_behind_admin_counts_too(check: Run, tmp_path: Path) -> None:
    found = check("--json", before=("--data-dir", str(tmp_path / "elsewhere")))
    assert "elsewhere" in found.findings["folder"]["said"]


@pytest.mark.parametrize("way", ["option", "LOCO_KUBECONFIG", "KUBECONFIG", "home"])
def test_a_kubeconfig_means_its_cluster(
    check: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, private_home: Path, way: str
) -> None:
    path = refused(tmp_path)
    argv = ("--kubeconfig", str(path)) if way == "option" else ()
    if way == "home":
        (private_home / ".kube").mkdir()
        path.rename(private_home / ".kube" / "config")
    elif way != "option":
        monkeypatch.setenv(way, str(path))
    found = check("--json", *argv, *(("--cluster",) if way in {"KUBECONFIG", "home"} else ()))
    assert of(found.out) == "cluster"
    assert list(found.findings) == ["kubernetes", "the rest"]
    assert "does not answer" in found.findings["kubernetes"]["said"]
    assert found.code == 1


def test_a_pod_with_a_token_means_its_own_cluster(check: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("t")
    monkeypatch.setattr(command, "TOKEN", tmp_path / "token")
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    found = check("--json")
    assert of(found.out) == "cluster"
    assert "no way into the cluster" in found.findings["kubernetes"]["said"]


def test_a_kubeconfig_that_is_not_there_is_said_without_a_traceback(check: Run, tmp_path: Path) -> None:
    found = check("--kubeconfig", str(tmp_path / "none"))
    assert found.code == 1
    assert "missing  kubernetes      there is no way into the cluster" in found.out
    assert "Traceback" not in found.out + found.err


def test_credentials_that_are_not_taken_are_said_once(check: Run, tmp_path: Path) -> None:
    with scripted(tmp_path, lambda *_: (401, {"message": "Unauthorized", "code": 401})) as path:
        found = check("--kubeconfig", str(path), "--json")
    assert found.findings["kubernetes"]["said"] == "Unauthorized"
    assert found.findings["the rest"]["state"] == "unknown"
    assert found.code == 1


def test_an_account_without_rights_learns_who_can_look(check: Run, tmp_path: Path) -> None:
    def answer(_: str, path: str) -> Answer:
        return (200, {"gitVersion": "v1.34.1"}) if path == "/version" else (403, {"message": "no", "code": 403})

    with scripted(tmp_path, answer) as path:
        found = check("--kubeconfig", str(path), "--json")
    assert found.code == 0
    others = [each for name, each in found.findings.items() if name not in {"kubernetes", "api-host", "registry-host"}]
    assert {(each["state"], each["fix"]) for each in others} == {
        ("unknown", "run it with an administrator's kubeconfig: loco-server admin check --kubeconfig FILE")
    }


def test_an_api_that_falls_silent_does_not_hold_it_up(
    check: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "SECONDS", 0.5)
    with scripted(tmp_path, lambda _, path: (200, {"gitVersion": "v1.34.1"}) if path == "/version" else None) as path:
        begun = time.monotonic()
        found = check("--kubeconfig", str(path), "--json")
        assert time.monotonic() - begun < 5  # twenty checks, one after the other, would take ten
    silent = [each["said"] for each in found.findings.values() if each["state"] == "unknown"]
    assert silent.count("no answer within 0.5 s") >= 14


def test_what_is_no_kubernetes_api_at_all_is_told(check: Run, tmp_path: Path) -> None:
    with scripted(tmp_path, lambda *_: (200, ["a", "list"])) as path:
        found = check("--kubeconfig", str(path), "--json")
    assert found.findings["kubernetes"]["state"] == "unknown"
    assert "Traceback" not in found.out + found.err


def test_without_the_extra_for_kubernetes_it_says_what_to_install(
    check: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "loco_server.check.cluster.checks", None)
    monkeypatch.delattr("loco_server.check.cluster.checks", raising=False)
    found = check("--kubeconfig", str(tmp_path / "none"))
    assert (found.code, "pip install 'loco-deploy[server,kubernetes]'" in found.err) == (2, True)


def test_a_certificate_without_its_key_is_refused(check: Run, tmp_path: Path) -> None:
    found = check("--tls-cert", str(tmp_path / "cert.pem"))
    assert (found.code, "--tls-key FILE" in found.err) == (2, True)


def test_help_names_what_it_needs(check: Run) -> None:
    found = check("--help")
    for word in ("administrator's kubeconfig", "LOCO_DATABASE_URL", "--kubeconfig", "--data-dir", "Exit code 0"):
        assert word in found.out
    assert max(map(len, found.out.splitlines())) <= 80
