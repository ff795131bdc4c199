"""The attempts of a push, against an engine that says what it is told to."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from loco_cli.build.engine import Engine
from loco_cli.build.push import ATTEMPTS, REACH_PAUSES, Pushed, push, reach
from loco_spec.api import PushTicket
from loco_spec.errors import EngineUnavailable, PushFailed, RegistryUnreachable

TICKET = PushTicket(
    registry="127.0.0.1:7050",
    repository="acme/shop-abcdefghij",
    tag="v3",
    username="abcdefghij-v3",
    password="secret",
    expires_at=datetime(2026, 1, 31, tzinfo=UTC),
)
DIGEST = "sha256:" + "a" * 64
CUT = {"errorDetail": {"message": "EOF"}, "error": 'Put "http://127.0.0.1:7050/v2/": EOF'}
END = {"progressDetail": {}, "aux": {"Tag": "v3", "Digest": DIGEST, "Size": 500}}


def moved(name: str) -> list[dict[str, Any]]:
    return [
        {"id": name, "status": "Pushing", "progressDetail": {"current": 500, "total": 1000}},
        {"id": name, "status": "Pushed", "progressDetail": {}},
    ]


class Scripted:
    """Each attempt gives the next list of records."""

    def __init__(self, *attempts: list[dict[str, Any]] | Exception) -> None:
        self.attempts = list(attempts)
        self.tried = 0
        self.tags: list[str] = []
        self.said: list[str] = []
        self.shown: list[str] = []
        self.pauses: list[float] = []

    def tag(self, image: str, repository: str, tag: str) -> None:
        assert image == "sha256:1"
        self.tags.append(f"{repository}:{tag}")

    def untag(self, name: str) -> None:
        self.tags.remove(name)

    def reach(self, registry: str, *, username: str, password: str) -> None:
        assert (registry, username, password) == (TICKET.registry, *CREDENTIALS)
        self.tried += 1
        if self.tried <= len(self.attempts):
            raise self.attempts[self.tried - 1]  # type: ignore[misc]  # only errors, here

    def push(self, repository: str, tag: str, *, username: str, password: str) -> Iterator[dict[str, Any]]:
        assert (repository, tag, username, password) == ("127.0.0.1:7050/acme/shop-abcdefghij", "v3", *CREDENTIALS)
        self.tried += 1
        records = self.attempts[min(self.tried, len(self.attempts)) - 1]
        if isinstance(records, Exception):
            raise records
        yield from records

    def run(self) -> Pushed:
        engine = cast("Engine", self)
        try:
            return push(
                engine, "sha256:1", TICKET, say=self.said.append, working=self.shown.append, pause=self.pauses.append
            )
        finally:
            assert self.tags == []  # the engine's own copy of the tag is gone, whatever happened


REFUSED = RegistryUnreachable("the engine cannot reach 127.0.0.1:7050: connect: connection refused", hint="next")


def reached(*attempts: Exception) -> Scripted:
    engine = Scripted(*attempts)
    reach(cast("Engine", engine), TICKET, working=engine.shown.append, pause=engine.pauses.append)
    return engine


CREDENTIALS = (TICKET.username, TICKET.password)


def test_a_registry_whose_gateway_is_starting_anew_is_reached_a_moment_later() -> None:
    assert reached().pauses == []
    engine = reached(REFUSED, REFUSED)
    assert engine.pauses == list(REACH_PAUSES[:2])
    assert "trying again" in engine.shown[0]


def test_a_registry_that_is_not_reached_a_moment_later_either_is_told() -> None:
    with pytest.raises(RegistryUnreachable, match="connection refused"):
        reached(*[REFUSED] * (len(REACH_PAUSES) + 1))


def test_what_no_waiting_mends_of_a_registry_is_told_at_once() -> None:
    wrong = RegistryUnreachable("x509: certificate signed by unknown authority", hint="next")
    with pytest.raises(RegistryUnreachable, match="x509"):
        reached(wrong)


def test_a_push_gives_the_digest_and_how_much_was_new() -> None:
    engine = Scripted([*moved("a"), {"id": "b", "status": "Layer already exists"}, END])
    assert engine.run() == Pushed(DIGEST, "1.0 KB, 1 of 2 layers new")
    assert "pushing 500 B of 1.0 KB" in engine.shown
    assert engine.pauses == []


def test_a_push_that_is_cut_is_tried_again_after_longer_and_longer_pauses() -> None:
    engine = Scripted([CUT], [CUT], [CUT], [*moved("a"), END])
    assert engine.run().digest == DIGEST
    assert engine.pauses == [1, 2, 4]
    assert "EOF" in engine.said[0]


def test_a_push_that_gets_nowhere_ends_with_what_the_registry_said() -> None:
    engine = Scripted([CUT])
    with pytest.raises(PushFailed, match=r"127\.0\.0\.1:7050 failed: Put .* EOF"):
        engine.run()
    assert engine.tried == ATTEMPTS


def test_each_layer_that_arrives_gives_new_attempts() -> None:
    layers = [f"layer {n}" for n in range(3 * ATTEMPTS)]
    engine = Scripted(*([*moved(name), CUT] for name in layers), [END])
    assert engine.run().summary == f"{len(layers)}.0 KB, {len(layers)} of {len(layers)} layers new"


def test_a_token_that_was_too_old_is_no_end_and_the_next_attempt_buys_another() -> None:
    old = {"error": "unauthorized: authentication required: no token, or one that has ended"}
    assert Scripted([*moved("a"), old], [*moved("b"), END]).run().digest == DIGEST


def test_a_ticket_that_ended_is_the_end_and_is_said_in_the_persons_words() -> None:
    ended = {"error": "unauthorized: the ticket is wrong, or it has ended"}
    engine = Scripted([ended])
    with pytest.raises(PushFailed, match="v3 takes no image any more"):
        engine.run()
    assert engine.tried == 1


@pytest.mark.parametrize(
    "said", ["denied: this token is good for another repository", "blob upload invalid", "layer 5030f1 is odd"]
)
def test_what_does_not_pass_is_not_tried_again(said: str) -> None:
    engine = Scripted([{"error": said}])
    with pytest.raises(PushFailed, match=said):
        engine.run()
    assert engine.tried == 1


@pytest.mark.parametrize(
    "said",
    [
        "received unexpected HTTP status: 503 Service Unavailable",
        "dial tcp: lookup registry.example.com: no such host",
        "net/http: TLS handshake timeout",
        "write tcp 127.0.0.1:5: use of closed network connection",
        "read: connection reset by peer",
        "toomanyrequests: 429 Too Many Requests",
    ],
)
def test_what_may_pass_is_tried_again(said: str) -> None:
    assert Scripted([{"error": said}], [END]).run().digest == DIGEST


def test_what_the_engine_has_tried_again_for_long_is_not_begun_anew() -> None:
    engine = Scripted([{"id": "a", "status": "Retrying in 20 seconds"}, CUT])
    with pytest.raises(PushFailed):
        engine.run()
    assert engine.tried == 1


def test_an_engine_that_began_without_a_token_begins_anew_however_often_it_tried() -> None:
    """The server was away when it asked whether it needs one."""
    refused = {"errorDetail": {"message": "unauthorized: authentication required: no token, or one that has ended"}}
    engine = Scripted([{"id": "a", "status": "Retrying in 20 seconds"}, refused], [*moved("a"), END])
    engine.run()
    assert engine.tried == 2


def test_an_error_after_the_digest_is_an_error() -> None:
    with pytest.raises(PushFailed, match="denied"):
        Scripted([END, {"errorDetail": {"message": "denied"}}]).run()


def test_a_stream_that_ends_without_digest_or_error_is_a_failed_push() -> None:
    with pytest.raises(PushFailed, match="no digest"):
        Scripted([*moved("a")]).run()


def test_an_engine_that_goes_away_is_said_to_be_away() -> None:
    with pytest.raises(EngineUnavailable):
        Scripted(EngineUnavailable("gone")).run()
