"""The choice, with members whose abilities are given: what each really can is the contract suite's to say."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from loco_cli.build.builders import choose as chooser
from loco_cli.build.builders.base import Recipe
from loco_cli.build.secret import Secret
from loco_spec.errors import UsageError

RECIPE = Recipe(
    context=Path("/context"),
    dockerfile="Dockerfile",
    files=(),
    tag="",
    target=None,
    platform=None,
    args={},
    no_cache=False,
    pull=False,
    secrets=(Secret("npm", env="NPM"),),
)


@dataclass
class Member:
    name: str
    why_missing: str = ""
    why_not: str = ""

    def missing(self) -> str:
        return self.why_missing

    def lacks(self, recipe: Recipe) -> str:
        assert recipe is RECIPE
        return self.why_not


@pytest.fixture
def members(monkeypatch: pytest.MonkeyPatch) -> dict[str, Member]:
    found = {name: Member(name) for name in ("first", "second", "third")}
    monkeypatch.setattr(chooser, "MEMBERS", found)
    monkeypatch.setattr(chooser, "load", lambda name, _engine: found[name])
    return found


def choose(name: str) -> tuple[str, list[str]]:
    """Give the chosen one's name, and the notes."""
    notes: list[str] = []
    engine: Any = None
    return chooser.choose(name, engine, RECIPE, notes.append).name, notes


def test_auto_takes_the_first_that_can_and_says_nothing(members: dict[str, Member]) -> None:
    members["first"].why_missing = "not installed"
    assert choose("auto") == ("second", [])


def test_auto_passes_over_what_lacks_something_and_says_so(members: dict[str, Member]) -> None:
    members["first"].why_not = "secrets"
    name, notes = choose("auto")
    assert name == "second"
    assert notes == ["the builder 'first' is passed over: it cannot do secrets"]


def test_when_none_can_auto_says_what_each_lacks(members: dict[str, Member]) -> None:
    members["first"].why_missing = "not installed"
    members["second"].why_not = members["third"].why_not = "secrets"
    with pytest.raises(UsageError) as refused:
        choose("auto")
    assert "second: no secrets; third: no secrets" in refused.value.message
    assert "first" not in refused.value.message
    assert "install" in refused.value.hint


def test_a_name_takes_that_one_though_a_better_is_there(members: dict[str, Member]) -> None:
    assert choose("third") == ("third", [])


def test_a_named_one_that_cannot_build_here_says_why(members: dict[str, Member]) -> None:
    members["second"].why_missing = "no docker CLI"
    with pytest.raises(UsageError) as refused:
        choose("second")
    assert "no docker CLI" in refused.value.message
    assert refused.value.hint == "loco deploy --builder auto"


def test_a_named_one_that_lacks_something_is_refused_with_one_that_can(members: dict[str, Member]) -> None:
    members["first"].why_missing = "not installed"
    members["second"].why_not = "secrets"
    with pytest.raises(UsageError) as refused:
        choose("second")
    assert "cannot do secrets" in refused.value.message
    assert refused.value.hint == "loco deploy --builder third"
    members["third"].why_not = "secrets"
    with pytest.raises(UsageError, match="cannot do secrets") as alone:
        choose("second")
    assert "install" in alone.value.hint


def test_a_name_that_there_is_not_is_told_with_those_that_there_are(members: dict[str, Member]) -> None:
    with pytest.raises(UsageError, match="auto, first, second, third"):
        choose("fourth")
