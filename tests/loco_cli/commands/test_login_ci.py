"""`loco login` as a CI job: its identity token for a loco token."""

from pathlib import Path

import pytest

from loco_cli.credentials import Credentials
from loco_spec import api
from loco_spec.errors import NotAllowed
from tests.loco_cli.conftest import Loco, Said
from tests.loco_cli.samples import THE_SERVER, me
from tests.loco_cli.server import Server

URL = "https://loco.example.com"
ASK = "https://vstoken.actions.example.com/token?api-version=2.0"


@pytest.fixture
def github(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", ASK)
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "the runner's token")
    server.url = URL
    return server


def gives(server: Server, **answer: object) -> None:
    server.mock.add_response(
        method="GET",
        url=f"{ASK}&audience=https://loco.example.com",
        match_headers={"authorization": "Bearer the runner's token"},
        **({"json": {"value": "the.job's.token", "count": 1}} | answer),  # type: ignore[arg-type]
    )


def lets_in(server: Server) -> None:
    server.answers("POST /v1/login/ci", api.SignedIn(token="loco_ci", me=me()))


def login(loco: Loco, *args: str) -> Said:
    found = loco("login", "--server", URL, *args)
    for secret in ("the.job's.token", "the runner's token", "loco_ci"):
        assert secret not in found.out + found.err
    return found


def test_github_makes_a_token_for_this_server_which_is_exchanged(github: Server, loco: Loco) -> None:
    gives(github)
    lets_in(github)
    found = login(loco, "--ci", "--team", "acme", "--app", "shop")
    assert (found.code, found.err) == (0, "")
    assert github.body() == {"token": "the.job's.token", "team": "acme", "app": "shop"}
    kept = Credentials().find(URL)
    assert kept is not None
    assert kept.text == "loco_ci"


def test_in_a_job_nothing_has_to_be_said_and_loco_toml_names_the_team(github: Server, loco: Loco, folder: Path) -> None:
    (folder / "loco.toml").write_text('name = "shop"\nteam = "acme"\n')
    github.answers("GET /v1/server", THE_SERVER)
    gives(github)
    lets_in(github)
    assert login(loco).code == 0
    assert github.body() == {"token": "the.job's.token", "team": "acme", "app": None}


def test_gitlab_gives_its_token_in_a_variable(server: Server, loco: Loco, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCO_ID_TOKEN", "the.job's.token\n")
    server.url = URL
    lets_in(server)
    assert login(loco, "--ci", "--team", "acme").code == 0
    assert server.asked == ["POST /v1/login/ci"]


@pytest.mark.parametrize("toml", [None, 'name = "shop"\n'])
def test_without_a_team_nothing_is_asked_for(github: Server, loco: Loco, folder: Path, toml: str | None) -> None:
    if toml:
        (folder / "loco.toml").write_text(toml)
    found = login(loco, "--ci")
    assert (found.code, github.asked) == (2, [])
    assert "next: loco login --ci --team NAME, or team in loco.toml" in found.err


def test_outside_of_a_job_it_says_what_a_job_needs(server: Server, loco: Loco) -> None:
    found = login(loco, "--ci", "--team", "acme")
    assert (found.code, server.asked) == (2, [])
    assert "id-token: write" in found.err


def test_a_job_that_is_not_trusted_is_told_why(github: Server, loco: Loco) -> None:
    gives(github)
    github.refuses("POST /v1/login/ci", NotAllowed("team acme: no rule trusts acme/shop", hint="loco trust add"))
    found = login(loco, "--ci", "--team", "acme")
    assert (found.code, found.err) == (
        4,
        "error: team acme: no rule trusts acme/shop\nnext: loco trust add\n",
    )
    assert not Credentials().path.exists()


@pytest.mark.parametrize(
    "answer",
    [
        {"status_code": 403, "json": {"message": "no"}},
        {"json": {}},
        {"json": []},
        {"json": {"value": ""}},
        {"json": {"value": 1}},
        {"json": None, "content": b"<html>"},
    ],
)
def test_a_github_that_gives_no_token_is_told(github: Server, loco: Loco, answer: dict[str, object]) -> None:
    gives(github, **answer)
    found = login(loco, "--ci", "--team", "acme")
    assert found.code == 4
    assert "GitHub gives the job no identity token" in found.err
    assert "next: the job needs `permissions: id-token: write`" in found.err


def test_a_github_that_does_not_answer_is_told(github: Server, loco: Loco) -> None:
    github.mock.add_exception(__import__("httpx").ConnectError("refused"))
    found = login(loco, "--ci", "--team", "acme")
    assert (found.code, "gives no identity token: ConnectError" in found.err) == (7, True)


def test_the_runners_token_is_not_sent_unencrypted(github: Server, loco: Loco, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", "http://vstoken.actions.example.com/token")
    found = login(loco, "--ci", "--team", "acme")
    assert (found.code, github.asked) == (4, [])
