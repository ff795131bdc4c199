"""Another [scale] for what runs: by a number, by so many more or fewer, by a range."""

from typing import Any

import pytest
from pydantic import ValidationError

from loco_server.policy.scaling import scaled
from loco_spec.again import ScaleChange
from loco_spec.errors import ConfigError, UsageError
from loco_spec.kinds.service import Service


def app(**scale: Any) -> Service:
    return Service.model_validate({"name": "shop", "scale": scale})


def changed(spec: Service, **asked: int) -> tuple[int, int, int | None]:
    found = scaled(spec, ScaleChange(**asked)).scale
    return found.least, found.most, found.cpu


@pytest.mark.parametrize(
    ("scale", "asked", "wanted"),
    [
        ({}, {"replicas": 3}, (3, 3)),
        ({"replicas": 2}, {"add": 1}, (3, 3)),
        ({"replicas": 2}, {"add": -1}, (1, 1)),
        ({"min": 1, "max": 3}, {"replicas": 2}, (2, 2)),
        ({"min": 1, "max": 3}, {"max": 5}, (1, 5)),
        ({"min": 1, "max": 3}, {"min": 2, "max": 4}, (2, 4)),
        ({"replicas": 2}, {"max": 4}, (2, 4)),
    ],
)
def test_what_is_asked_for_is_what_there_is_then(
    scale: dict[str, int], asked: dict[str, int], wanted: tuple[int, int]
) -> None:
    assert changed(app(**scale), **asked)[:2] == wanted


def test_a_target_alone_leaves_the_range() -> None:
    assert changed(app(min=1, max=3, cpu=70), cpu=50) == (1, 3, 50)


@pytest.mark.parametrize(("scale", "asked"), [({"replicas": 2}, {"replicas": 2}), ({"min": 1, "max": 3}, {"max": 3})])
def test_what_is_there_already_leaves_the_very_spec(scale: dict[str, int], asked: dict[str, int]) -> None:
    spec = app(**scale)
    assert scaled(spec, ScaleChange(**asked)) is spec


@pytest.mark.parametrize(
    ("scale", "asked", "words"),
    [
        ({"min": 1, "max": 3}, {"add": 1}, "between 1 and 3 by itself"),
        ({"replicas": 1}, {"add": -1}, "keeps one at least"),
    ],
)
def test_what_makes_no_sense_of_what_there_is_is_refused(
    scale: dict[str, int], asked: dict[str, int], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        scaled(app(**scale), ScaleChange(**asked))


@pytest.mark.parametrize("asked", [{"add": 50}, {"min": 5}])
def test_what_loco_toml_is_refused_for_is_refused_here_too(asked: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="scale") as refused:
        scaled(app(replicas=2) if "add" in asked else app(min=1, max=3), ScaleChange(**asked))
    assert refused.value.fields[0].path.startswith("scale")


@pytest.mark.parametrize("asked", [{}, {"replicas": 2, "add": 1}, {"add": 1, "max": 3}])
def test_there_is_one_way_of_saying_how_many(asked: dict[str, int]) -> None:
    with pytest.raises(ValidationError, match="expected one of"):
        ScaleChange(**asked)
