"""A push: under which digest it arrived, what is tried again, and what is left in the engine."""

from collections.abc import Callable

import pytest
from requests.exceptions import ConnectionError as NoConnection

from loco_cli.build import push as pushing
from loco_spec.errors import EngineUnavailable, LocoError, PushFailed
from tests.loco_cli.build.docker import PUSHED, Docker, Records
from tests.loco_cli.conftest import Clock
from tests.loco_cli.samples import DIGEST, IMAGE, ticket

pytestmark = pytest.mark.usefixtures("clock")

NAME = "127.0.0.1:7081/ann/shop-abc:v3"


def engine(*pushes: Records) -> Docker:
    docker = Docker(pushes=pushes)
    docker.images.add(IMAGE)
    return docker


def push(docker: Docker) -> tuple[str, list[str]]:
    """Push; give the digest and what was said."""
    said: list[str] = []
    return pushing.push(docker.engine(), IMAGE, ticket(), said.append), said


def fails(docker: Docker) -> LocoError:
    with pytest.raises(LocoError) as caught:
        push(docker)
    assert docker.tags == {}
    return caught.value


def error(text: str) -> Records:
    return [{"status": "Pushing"}, {"error": text, "errorDetail": {"message": text}}]


def test_an_image_goes_to_the_tickets_repository_with_the_tickets_credentials() -> None:
    docker = engine(PUSHED)
    assert push(docker) == (DIGEST, [])
    assert docker.asked == [f"tag {NAME}", f"push {NAME}", f"untag {NAME}"]
    assert docker.credentials == {"username": "ticket", "password": "the push ticket"}
    assert docker.tags == {}


def test_progress_is_the_sum_of_all_layers() -> None:
    def layer(name: str, current: int, total: int) -> dict[str, object]:
        return {"status": "Pushing", "id": name, "progressDetail": {"current": current, "total": total}}

    docker = engine(
        [
            {"status": "The push refers to repository [x]"},
            {"status": "Preparing", "id": "a", "progressDetail": {}},
            layer("a", 512, 4_000_000),
            layer("b", 1_000_000, 2_000_000),
            layer("a", 4_100_000, 4_000_000),  # with its headers a layer is larger than it was said to be
            {"status": "Pushing", "id": "c", "progressDetail": {"current": 100}},
            {"status": "Layer already exists", "id": "d"},
            *PUSHED,
        ]
    )
    assert push(docker) == (
        DIGEST,
        [
            "pushing 512 B of 4.0 MB",
            "pushing 1.0 MB of 6.0 MB",
            "pushing 5.1 MB of 6.0 MB",
            "pushing 5.1 MB of 6.0 MB",
        ],
    )


@pytest.mark.parametrize(
    "text",
    [
        "unexpected EOF",
        "read tcp 127.0.0.1: connection reset by peer",
        "write: broken pipe",
        "dial tcp 127.0.0.1:7081: connect: connection refused",
        "net/http: TLS handshake timeout",
        "received unexpected HTTP status: 503 Service Unavailable",
        "http: server closed idle connection",
    ],
)
def test_a_push_that_was_cut_is_tried_again_after_a_wait(clock: Clock, text: str) -> None:
    docker = engine(error(text), PUSHED)
    digest, said = push(docker)
    assert digest == DIGEST
    assert said == [f"the push was cut ({text[:80]}); trying again"]
    assert clock.slept == [1]


def test_four_cuts_are_enough(clock: Clock) -> None:
    docker = engine(*[error("unexpected EOF")] * 4)
    found = fails(docker)
    assert type(found) is PushFailed
    assert found.message == "the push to 127.0.0.1:7081 failed: unexpected EOF"
    assert found.hint == "loco deploy (layers already there are kept)"
    assert clock.slept == [1, 2, 4]


@pytest.mark.parametrize("text", ["denied: requested access to the resource is denied", "no space left on device"])
def test_a_refusal_is_not_tried_again(clock: Clock, text: str) -> None:
    found = fails(engine(error(text)))
    assert found.message == f"the push to 127.0.0.1:7081 failed: {text}"
    assert clock.slept == []


def test_what_the_engine_itself_tried_for_long_is_not_begun_anew(clock: Clock) -> None:
    docker = engine(error("unexpected EOF"))

    def try_for_long() -> None:
        clock.now += 20.5

    docker.meanwhile = try_for_long
    assert "EOF" in fails(docker).message
    assert clock.slept == []


def test_a_long_answer_is_cut() -> None:
    assert len(fails(engine(error("no " * 1000))).message) < 600


def test_a_push_without_a_digest_has_not_arrived() -> None:
    assert fails(engine([{"status": "Pushed", "id": "a"}])).message.endswith("failed: the engine gave no digest")


def test_an_error_after_the_digest_counts() -> None:
    assert fails(engine([*PUSHED, *error("denied")])).message.endswith("failed: denied")


@pytest.mark.parametrize("why", [NoConnection, OSError, ValueError])
def test_an_engine_that_goes_away_during_the_push_is_told(why: Callable[[str], Exception]) -> None:
    docker = engine([{"status": "Pushing"}, why("gone")])

    def go_away() -> None:
        docker.fails = NoConnection("refused")

    docker.meanwhile = go_away
    with pytest.raises(EngineUnavailable) as caught:
        push(docker)
    assert caught.value.message == "the container engine at unix:///engine.sock broke off the push: gone"


def test_ctrl_c_during_the_push_leaves_no_tag_in_the_engine() -> None:
    docker = engine([{"status": "Pushing"}, KeyboardInterrupt()])
    with pytest.raises(KeyboardInterrupt):
        push(docker)
    assert docker.tags == {}
