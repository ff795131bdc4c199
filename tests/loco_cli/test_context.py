"""What a command is given: made when it is asked for, closed with it; and which app it is about."""

from pathlib import Path

import pytest

from loco_cli.context import Context, Target, opened
from loco_cli.given import Given
from loco_spec.errors import ConfigError, NotFound, NotSignedIn, UsageError
from tests.loco_cli.samples import me
from tests.loco_cli.screen import LINE_GONE, at_a_terminal
from tests.loco_cli.server import TOKEN, Server


@pytest.fixture
def context(signed_in: Path) -> Context:
    return Context()


def test_nothing_is_read_before_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCO_SERVER", "no url")
    monkeypatch.setenv("LOCO_CREDENTIAL_STORE", "no store")
    with opened() as context:
        assert not context.ui.json
    with pytest.raises(UsageError, match="LOCO_SERVER"):
        _ = Context().server
    with pytest.raises(UsageError, match="LOCO_CREDENTIAL_STORE"):
        _ = Context().credentials


def test_the_flag_chooses_the_server_and_its_token(server: Server, signed_in: Path) -> None:
    other = Context(Given("https://other.example.com"))
    assert other.server.value == "https://other.example.com"
    with pytest.raises(NotSignedIn, match=r"other\.example\.com"):
        other.team(None)
    server.answers("GET /v1/me", me(), match_headers={"authorization": f"Bearer {TOKEN}"})
    assert Context(Given(server.url)).team(None) == "ann"


def test_the_connection_is_closed_with_the_command_also_when_it_fails(server: Server, signed_in: Path) -> None:
    found = []

    def fail() -> None:
        with opened() as context:
            found.append(context.http)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with pytest.raises(RuntimeError, match="closed"):
        found[0].delete("/v1/session")


def test_the_moving_line_is_gone_before_an_error_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = at_a_terminal(monkeypatch)

    def fail() -> None:
        with opened() as context:
            context.ui.working("reading the folder")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert "reading the folder" in screen.getvalue()
    assert screen.getvalue().endswith(LINE_GONE)


def test_the_team_is_the_one_that_was_named_or_the_persons_own(server: Server, context: Context) -> None:
    assert context.team("acme") == "acme"
    assert server.asked == []
    server.answers("GET /v1/me", me(default_team="anns-own"))
    assert context.team(None) == "anns-own"


def test_who_is_in_no_team_is_told_to_be_invited(server: Server, context: Context) -> None:
    server.answers("GET /v1/me", me(teams=(), default_team=""))
    with pytest.raises(NotFound, match="you are in no team") as caught:
        context.team(None)
    assert caught.value.hint == "ask an owner of one to invite you"


@pytest.mark.parametrize("name", ["", "Acme", "a/b", "../x", "a" * 41, "a?x=1"])
def test_what_cannot_be_a_name_is_refused_before_it_becomes_part_of_a_url(
    server: Server, context: Context, name: str
) -> None:
    with pytest.raises(UsageError, match="is not the name of a team") as team:
        context.team(name)
    assert team.value.hint == "loco whoami"
    with pytest.raises(UsageError, match="is not the name of an app") as app:
        context.target(Path(), app=name, team=None)
    assert app.value.hint == "loco apps"
    assert server.asked == []


@pytest.mark.parametrize(
    ("toml", "app", "team", "target"),
    [
        (None, None, "acme", Target("acme", "my-shop")),
        ("", None, "acme", Target("acme", "my-shop")),
        ('name = "store"\nteam = "makers"', None, None, Target("makers", "store")),
        ('name = "store"\nteam = "makers"', None, "acme", Target("acme", "store")),
        ('name = "store"\nteam = "makers"', "till", "acme", Target("acme", "till")),
    ],
)
def test_the_app_is_named_by_the_flag_or_loco_toml_or_the_folder(
    tmp_path: Path, context: Context, toml: str | None, app: str | None, team: str | None, target: Target
) -> None:
    folder = tmp_path / "My Shop"
    folder.mkdir()
    if toml is not None:
        (folder / "loco.toml").write_text(toml)
    assert context.target(folder, app=app, team=team) == target


def test_an_app_that_was_named_is_the_persons_own_whatever_the_folder_says(
    server: Server, folder: Path, context: Context
) -> None:
    (folder / "loco.toml").write_text("this is no TOML, and somebody else's folder")
    server.answers("GET /v1/me", me())
    assert context.target(folder, app="till", team=None) == Target("ann", "till")


def test_the_faults_of_loco_toml_are_told_before_anybody_is_asked(
    server: Server, folder: Path, context: Context
) -> None:
    (folder / "loco.toml").write_text("prot = 1")
    with pytest.raises(ConfigError) as error:
        context.target(folder, app=None, team=None)
    assert error.value.hint.endswith("loco validate; or name the app: --app NAME")
    assert server.asked == []


@pytest.mark.parametrize("app", [None, "shop"])
def test_a_folder_that_is_none_is_refused_and_its_word_is_not_taken_for_an_app(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, context: Context, app: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="shop is not a folder; an app is named with --app shop"):
        context.target(Path("shop"), app=app, team="acme")
    with pytest.raises(UsageError, match=r"^\.\./No Such is not a folder$"):
        context.target(Path("../No Such"), app=app, team="acme")
    (tmp_path / "shop").mkdir()
    assert context.target(Path("shop"), app=app, team="acme").app == "shop"
