"""The person's own container engine: what is asked of it, and what is said when it says no."""

import hashlib
from pathlib import Path

import pytest
from requests.exceptions import ConnectionError as NoConnection

from loco_cli.build.engine import connect
from loco_spec.errors import EngineUnavailable, RegistryUnreachable
from tests.loco_cli.build.docker import Docker, refusal
from tests.loco_cli.samples import IMAGE


def test_an_engine_answers_or_does_not() -> None:
    docker = Docker()
    assert docker.engine().answers()
    for error in (NoConnection("refused"), refusal("starting"), OSError("no socket"), RuntimeError("anything")):
        docker.fails = error
        assert not docker.engine().answers()


def test_an_image_is_there_by_its_id() -> None:
    docker = Docker()
    assert not docker.engine().has(IMAGE)
    docker.images.add(IMAGE)
    assert docker.engine().has(IMAGE)


def test_a_tag_that_is_gone_already_is_gone() -> None:
    Docker().engine().untag("shop:v1")


def test_an_engine_that_is_gone_between_two_steps_is_told() -> None:
    docker = Docker()
    docker.fails = NoConnection("gone")
    with pytest.raises(EngineUnavailable, match="broke off the look for an image: gone"):
        docker.engine().has(IMAGE)
    with pytest.raises(EngineUnavailable, match="broke off the tagging of an image: gone"):
        docker.engine().tag(IMAGE, "shop", "v1")


def test_an_image_that_somebody_removed_meanwhile_cannot_be_named() -> None:
    with pytest.raises(EngineUnavailable, match="broke off the tagging of an image: no such image"):
        Docker().engine().tag(IMAGE, "shop", "v1")


def test_a_build_is_sent_the_context_and_gives_the_engines_records() -> None:
    docker = Docker(builds=[{"stream": "one"}, {"stream": "two"}])
    found = docker.engine().build({"t": "shop"}, iter([b"first", b"second"]))
    assert list(found) == [{"stream": "one"}, {"stream": "two"}]
    assert (docker.query, docker.context) == ({"t": "shop"}, b"firstsecond")


def test_an_engine_that_goes_away_during_the_build_is_told() -> None:
    docker = Docker(builds=[{"stream": "one"}, NoConnection("x" * 1000)])
    found = docker.engine().build({}, iter([]))
    next(found)
    with pytest.raises(EngineUnavailable, match="broke off the build: xxx") as caught:
        next(found)
    assert len(caught.value.message) < 400
    assert caught.value.hint == "see that it runs (docker info), then: loco deploy"


def test_what_breaks_off_without_words_is_told_by_its_kind() -> None:
    with pytest.raises(EngineUnavailable, match=r"broke off the build: TimeoutError$"):
        next(Docker(builds=[TimeoutError()]).engine().build({}, iter([])))


def test_the_engine_itself_signs_in_to_the_registry_with_the_ticket() -> None:
    docker = Docker()
    docker.engine().reach("127.0.0.1:7081", username="ticket", password="secret")
    assert docker.login == {"serveraddress": "http://127.0.0.1:7081", "username": "ticket", "password": "secret"}


def test_an_engine_that_does_not_reach_the_registry_is_told_with_both_addresses() -> None:
    docker = Docker()
    docker.fails = refusal("dial tcp 127.0.0.1:7081: connection refused")
    with pytest.raises(RegistryUnreachable) as caught:
        docker.engine().reach("127.0.0.1:7081", username="ticket", password="secret")
    assert caught.value.message == (
        "the container engine at unix:///engine.sock cannot reach the registry at 127.0.0.1:7081: "
        "dial tcp 127.0.0.1:7081: connection refused"
    )
    assert "unset DOCKER_HOST" in caught.value.hint


@pytest.mark.parametrize(
    ("reason", "hint"),
    [
        (
            "x509: certificate signed by unknown authority",
            "put the authority's certificate where the engine looks: /etc/docker/certs.d/registry.example/ca.crt",
        ),
        (
            "dial tcp: lookup registry.example: no such host",
            "see that the name, the network and the proxy are right for the engine, too (docker info)",
        ),
    ],
)
def test_what_to_do_about_a_registry_elsewhere_that_is_not_reached_is_told(reason: str, hint: str) -> None:
    docker = Docker()
    docker.fails = refusal(f'Get "https://registry.example/v2/": {reason}')
    with pytest.raises(RegistryUnreachable, match=reason) as caught:
        docker.engine().reach("registry.example", username="ticket", password="secret")
    assert caught.value.hint == hint


def test_an_engine_that_is_gone_at_the_sign_in_is_told() -> None:
    docker = Docker()
    docker.fails = NoConnection("gone")
    with pytest.raises(EngineUnavailable, match="broke off the sign-in to the registry: gone"):
        docker.engine().reach("127.0.0.1:7081", username="ticket", password="secret")


@pytest.mark.parametrize("host", ["tcp://127.0.0.1:1", "colour://red"])
def test_without_an_engine_its_address_and_what_to_install_are_told(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    with pytest.raises(EngineUnavailable) as caught:
        connect()
    assert caught.value.message.startswith(f"no container engine answers at {host}: ")
    assert caught.value.hint == "install or start Docker (Debian: apt-get install docker.io), then: loco deploy"


def test_the_current_context_of_the_docker_cli_is_the_engine_and_is_named(
    private_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    config = private_home / ".docker"
    meta = config / "contexts/meta" / hashlib.sha256(b"far").hexdigest() / "meta.json"
    meta.parent.mkdir(parents=True)
    meta.write_text('{"Name": "far", "Metadata": {}, "Endpoints": {"docker": {"Host": "tcp://127.0.0.1:2"}}}')
    (config / "config.json").write_text('{"currentContext": "far"}')
    with pytest.raises(EngineUnavailable, match=r"^no container engine answers at tcp://127\.0\.0\.1:2: .*port=2"):
        connect()


def test_docker_host_comes_before_the_context(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONTEXT", "nowhere")
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    with pytest.raises(EngineUnavailable, match=r"^no container engine answers at tcp://127\.0\.0\.1:1: .*port=1"):
        connect()
