from typing import Any, cast

import pytest

from loco_cli.build import gates
from loco_cli.build.engine import Engine
from loco_spec.api import Server
from loco_spec.errors import EngineUnavailable, ImageRefused
from loco_spec.kinds.service import Service

IMAGE = {"Os": "linux", "Architecture": "amd64", "Config": {"User": "10001"}, "Size": 1000}
OLD = Server(
    version="0.1.0",
    minimum_version="0.1.0",
    providers=("local",),
    domain="localhost",
    edge="http://127.0.0.1:7080",
    registry="127.0.0.1:7050",
)
NEW = OLD.model_copy(update={"platform": "linux/amd64", "uncompressed_bytes": 1000})


class Holding:
    """An engine with one image, or none."""

    address = "unix:///engine.sock"

    def __init__(self, image: dict[str, Any] | None) -> None:
        self._image = image

    def inspect(self, image: str) -> dict[str, Any] | None:
        assert image == "sha256:1"
        return self._image


def check(held: dict[str, Any] | None, server: Server, **spec: Any) -> None:
    gates.check(cast("Engine", Holding(held)), "sha256:1", Service(name="shop", **spec), server)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"Architecture": "arm64", "Variant": "v8"}, "built for linux/arm64"),
        ({"Config": {"User": ""}}, "runs as root"),
        ({"Config": None}, "runs as root"),
        ({"Size": 1001}, "1.0 KB unpacked; the limit is 1.0 KB"),
    ],
)
def test_what_the_server_would_refuse_is_refused(change: dict[str, Any], said: str) -> None:
    check(IMAGE, NEW)
    with pytest.raises(ImageRefused, match=said):
        check({**IMAGE, **change}, NEW)


def test_a_server_that_tells_no_limits_is_left_to_judge_by_them() -> None:
    check({**IMAGE, "Architecture": "arm64", "Size": 10**12}, OLD)
    with pytest.raises(ImageRefused, match="runs as root"):
        check({**IMAGE, "Config": {}}, OLD)


def test_the_specs_own_user_wins_and_what_helps_depends_on_where_the_image_is_from() -> None:
    root = {**IMAGE, "Config": {"User": "root"}}
    check(root, NEW, security={"user": 10001})
    with pytest.raises(ImageRefused) as caught:
        check(root, NEW, image="ghcr.io/acme/shop:1")
    assert "Dockerfile" not in caught.value.hint


def test_an_image_that_is_gone_is_said_to_be() -> None:
    with pytest.raises(EngineUnavailable, match=r"unix:///engine\.sock"):
        check(None, NEW)
