"""The one decision about how to sign in, over everything that it looks at."""

import sys
from dataclasses import replace
from itertools import product

import pytest

from loco_cli.sign_in import Choice, Surroundings, Way, Wish, decide, has_job_identity, surroundings
from loco_spec.errors import LocoError, NotSignedIn, UsageError

DESK = Surroundings()
"""Somebody at a terminal, with a display; the server is elsewhere."""
BOTH = ("local", "github", "google")
GITHUB = ("local", "github")


def test_at_a_desk_the_browser_is_opened() -> None:
    assert decide(DESK, GITHUB, Wish()) == Choice(Way.BROWSER, "github")


@pytest.mark.parametrize("change", [{"ssh": True}, {"display": False}, {"json": True}])
def test_where_no_browser_shows_anything_a_code_is_shown(change: dict[str, bool]) -> None:
    assert decide(replace(DESK, **change), GITHUB, Wish()) == Choice(Way.CODE, "github")


def test_who_wants_no_browser_gets_a_code() -> None:
    assert decide(DESK, GITHUB, Wish(browser=False)) == Choice(Way.CODE, "github")


@pytest.mark.parametrize("change", [{"terminal": False}, {"ci": True}, {"ci": True, "json": True}])
def test_where_nobody_sits_it_fails_at_once_and_names_the_variable(change: dict[str, bool]) -> None:
    with pytest.raises(NotSignedIn, match="nobody can confirm") as caught:
        decide(replace(DESK, **change), GITHUB, Wish())
    assert "LOCO_TOKEN" in caught.value.hint


def test_on_the_servers_machine_nothing_is_asked_not_even_for_a_terminal() -> None:
    here = Surroundings(terminal=False, loopback=True)
    assert decide(here, BOTH, Wish()) == Choice(Way.FILE, "local")
    assert decide(replace(DESK, loopback=True), BOTH, Wish(provider="github")) == Choice(Way.BROWSER, "github")


def test_elsewhere_the_servers_own_sign_in_is_of_no_use() -> None:
    with pytest.raises(NotSignedIn, match="its own machine only") as caught:
        decide(DESK, ("local",), Wish())
    assert "LOCO_TOKEN" in caught.value.hint


def test_several_providers_are_told_apart_by_the_person() -> None:
    with pytest.raises(UsageError, match="several") as caught:
        decide(DESK, BOTH, Wish())
    assert caught.value.hint == "loco login --provider github or loco login --provider google"
    assert decide(DESK, BOTH, Wish(provider="google")) == Choice(Way.BROWSER, "google")


def test_a_provider_that_the_server_does_not_have_is_answered_with_those_it_has() -> None:
    with pytest.raises(UsageError, match="no sign-in by myspace") as caught:
        decide(DESK, GITHUB, Wish(provider="myspace"))
    assert "--provider github" in caught.value.hint


def test_a_ci_job_with_an_identity_uses_it() -> None:
    job = Surroundings(terminal=False, ci=True, job=True)
    assert decide(job, BOTH, Wish()) == Choice(Way.CI)
    assert decide(job, (), Wish(ci=True)) == Choice(Way.CI)
    assert decide(replace(job, ci=False), (), Wish(ci=True)) == Choice(Way.CI)


@pytest.mark.parametrize("change", [{"token": True}, {"ci": False}, {"job": False}])
def test_a_job_is_not_signed_in_by_itself_with_a_token_or_outside_of_ci(change: dict[str, bool]) -> None:
    job = Surroundings(terminal=False, ci=True, job=True)
    with pytest.raises(NotSignedIn, match="nobody can confirm"):
        decide(replace(job, **change), GITHUB, Wish())


def test_without_an_identity_a_job_is_told_how_to_get_one() -> None:
    with pytest.raises(UsageError, match=r"id-token: write.*LOCO_ID_TOKEN"):
        decide(Surroundings(ci=True), BOTH, Wish(ci=True))


def test_every_surrounding_ends_in_a_way_or_in_words() -> None:
    """All 256 of them, for each list of providers: never a browser where none shows, never a wait for nobody."""
    fields = list(Surroundings.__dataclass_fields__)
    for values, providers in product(product([True, False], repeat=len(fields)), [GITHUB, ("local",), ("github",)]):
        here = Surroundings(**dict(zip(fields, values, strict=True)))
        try:
            way = decide(here, providers, Wish()).way
        except LocoError as e:
            assert "LOCO_TOKEN" in e.hint  # noqa: PT017  whatever it ends with
            continue
        if way is Way.BROWSER:
            assert here.terminal
            assert here.display
            assert not any((here.ssh, here.json, here.ci))
        if way is Way.CODE:
            assert here.terminal
            assert not here.ci


URL = "https://loco.example.com"


def at(**environment: str) -> Surroundings:
    return surroundings(URL, json=False, environment=environment)


def test_the_surroundings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    assert not at().display
    assert at(DISPLAY=":0").display
    assert at(WAYLAND_DISPLAY="wayland-0").display
    assert at(SSH_CONNECTION="1 2 3 4").ssh
    assert at(SSH_TTY="/dev/pts/0").ssh
    assert not at().ssh
    for name in ("CI", "GITHUB_ACTIONS", "GITLAB_CI"):
        assert at(**{name: "true"}).ci
        assert not at(**{name: "false"}).ci
        assert not at(**{name: ""}).ci
    assert at(LOCO_TOKEN="x").token
    assert not at(LOCO_TOKEN=" ").token
    assert not at().loopback
    assert surroundings("http://127.0.0.1:7070", json=True, environment={}).loopback
    monkeypatch.setattr(sys, "platform", "darwin")
    assert at().display


def test_a_job_has_an_identity_by_githubs_two_variables_or_by_gitlabs_one() -> None:
    two = {"ACTIONS_ID_TOKEN_REQUEST_URL": "https://x", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "y"}
    assert has_job_identity(two)
    assert has_job_identity({"LOCO_ID_TOKEN": "y"})
    for name, value in two.items():
        assert not has_job_identity({name: value})
    assert not has_job_identity({})
