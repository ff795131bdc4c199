from typing import Any

import pytest

from loco_server.check.cluster.workloads import deployment, migration, secrets, wanted
from loco_server.check.finding import Finding

ALL = {name: frozenset(parts) for name, parts in wanted(own_registry=True).items()}


def test_secrets_with_all_that_belongs_in_them_are_well() -> None:
    assert secrets(wanted(own_registry=True), ALL).state == "ok"


@pytest.mark.parametrize(
    ("live", "said", "fix"),
    [
        (ALL | {"loco-database": None}, "loco-database is not there", "generic loco-database"),
        (ALL | {"loco-tls": frozenset({"tls.crt"})}, "loco-tls has no tls.key", "create secret tls"),
        (
            ALL | {"loco-keys": ALL["loco-keys"] - {"server.key", "registry-uploads.key"}},
            "loco-keys has no server.key, registry-uploads.key",
            "loco-server admin keys",
        ),
        (
            ALL | {"loco-keys": None, "loco-secret-keys": None},
            "loco-keys is not there; loco-secret-keys is not there",
            "loco-server admin keys",
        ),
    ],
)
def test_what_lacks_in_secrets_is_named(live: dict[str, frozenset[str] | None], said: str, fix: str) -> None:
    found = secrets(wanted(own_registry=True), live)
    assert (found.state, found.said) == ("missing", said)
    assert fix in found.fix
    assert found.fix.count("admin keys") <= 1


def test_with_a_registry_of_others_its_own_keys_are_not_asked_for() -> None:
    assert wanted(own_registry=False)["loco-keys"] == ("server.key", "registry-tokens.pem")


def job(**states: str) -> dict[str, Any]:
    return {
        "status": {"conditions": [{"type": kind, "status": state, "reason": "Why"} for kind, state in states.items()]}
    }


@pytest.mark.parametrize(
    ("job", "state", "said"),
    [
        (job(Complete="True"), "ok", "is complete"),
        (job(Failed="True"), "missing", "failed (Why)"),
        (job(), "missing", "not complete yet"),
        (None, "missing", "is not there"),
    ],
)
def test_the_migration_is_complete(job: dict[str, Any] | None, state: str, said: str) -> None:
    found = migration(job)
    assert (found.state, said in found.said) == (state, True)
    assert bool(found.fix) is (state != "ok")


def of(asked: int, there: int, **states: str) -> Finding:
    status = job(**states)["status"] | ({"availableReplicas": there} if there else {})
    return deployment("server", "loco-server", {"spec": {"replicas": asked}, "status": status})


@pytest.mark.parametrize(
    ("found", "state", "said"),
    [
        (of(3, 3), "ok", "3 of 3 available"),
        (of(3, 1), "warning", "1 of 3 loco-server are available"),
        (of(2, 0, Available="False", Progressing="True"), "missing", "none of 2 loco-server is available (Why)"),
        (of(2, 0, Progressing="False"), "missing", "none of 2 loco-server is available (Why)"),
        (of(1, 0), "missing", "(nobody has said so yet)"),
        (of(0, 0), "missing", "scaled to none"),
        (deployment("server", "loco-server", None), "missing", "is not there"),
    ],
)
def test_the_server_is_available(found: Finding, state: str, said: str) -> None:
    assert (found.state, said in found.said) == (state, True), found
