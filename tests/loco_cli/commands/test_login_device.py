"""`loco login` by a provider: what is shown, how it waits, and how it ends."""

import webbrowser
from collections.abc import Callable

import pytest

from loco_cli import config
from loco_cli.credentials import Credentials
from loco_spec import api
from loco_spec.errors import (
    LocoError,
    NotAllowed,
    NotSignedIn,
    ProviderDown,
    SignInDenied,
    SignInDisabled,
    SignInExpired,
    SignInPending,
    SignInSlowDown,
)
from tests.loco_cli.conftest import Clock, Loco
from tests.loco_cli.samples import THE_SERVER, me
from tests.loco_cli.server import Server

URL = "https://loco.example.com"
PAGE = "https://github.com/login/device"
SIGN_IN = "POST /v1/login/github-7"
SHOWN = f"open {PAGE} and enter the code WDJB-MJHT"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The pages that were opened in a browser. There is a display."""
    found: list[str] = []
    monkeypatch.setenv("DISPLAY", ":0")
    for name in ("SSH_CONNECTION", "SSH_TTY"):
        monkeypatch.delenv(name, raising=False)

    def opens(url: str) -> bool:
        found.append(url)
        return True

    monkeypatch.setattr(webbrowser, "open", opens)
    return found


@pytest.fixture
def desk(server: Server, clock: Clock, opened: list[str], monkeypatch: pytest.MonkeyPatch) -> Server:
    """A server with GitHub, and somebody at a terminal."""
    monkeypatch.setattr("loco_cli.sign_in.somebody_sits_there", lambda: True)
    server.url = URL
    return server


def prompts(server: Server, *, page: str | None = PAGE, code: str | None = "WDJB-MJHT") -> None:
    server.answers("GET /v1/server", THE_SERVER.model_copy(update={"providers": ("local", "github")}))
    prompt = api.LoginPrompt(
        login="github-7", provider="github", expires_in=900, user_code=code, verification_uri=page, interval=5
    )
    server.answers("POST /v1/login", prompt)


def pending(seconds: int | None = 5) -> SignInPending:
    return SignInPending("the sign-in at github is not confirmed yet", retry_after=seconds)


def signs_in(server: Server, *first: LocoError) -> None:
    prompts(server)
    for error in first:
        server.refuses(SIGN_IN, error)
    server.answers(SIGN_IN, api.SignedIn(token="loco_new", me=me()))


def nothing_is_remembered() -> bool:
    return not Credentials().path.exists() and not config.config_file().exists()


def test_the_page_is_opened_and_the_code_shown_until_it_is_confirmed(
    desk: Server, loco: Loco, clock: Clock, opened: list[str]
) -> None:
    signs_in(desk, pending(), pending())
    found = loco("login", "--server", URL)
    assert (found.code, found.err) == (0, f"{SHOWN}\n")
    assert found.out == f"signed in to {URL} as ann; the token is in {Credentials().path}\n"
    assert opened == [PAGE]
    assert clock.slept == [5, 5, 5]
    kept = Credentials().find(URL)
    assert kept is not None
    assert kept.text == "loco_new"


def test_a_slow_down_is_obeyed_for_good(desk: Server, loco: Loco, clock: Clock) -> None:
    signs_in(desk, SignInSlowDown("slower", retry_after=10), pending(10), SignInSlowDown("slower", retry_after=15))
    assert loco("login", "--server", URL).code == 0
    assert clock.slept == [5, 10, 10, 15]


def test_an_answer_that_names_no_interval_changes_none_and_no_server_makes_us_hurry(
    desk: Server, loco: Loco, clock: Clock
) -> None:
    signs_in(desk, pending(None), pending(-3))
    assert loco("login", "--server", URL).code == 0
    assert clock.slept == [5, 5, 1]


def test_a_provider_that_is_down_for_a_while_is_said_once_and_waited_for(
    desk: Server, loco: Loco, clock: Clock
) -> None:
    down = ProviderDown("GitHub answered 502; nobody can sign in by github now", retry_after=10)
    signs_in(desk, down, down, pending(5))
    found = loco("login", "--server", URL)
    assert found.code == 0
    assert found.err.count("GitHub answered 502; nobody can sign in by github now; asking again") == 1
    assert clock.slept == [5, 10, 10, 5]


ENDS = [
    (SignInDenied("the sign-in was refused at github", hint="loco login"), 4),
    (SignInExpired("the sign-in is over: its time ran out, or it was used", hint="loco login"), 4),
    (SignInDisabled("github does not let this server sign people in: x", hint="tell the server's operator"), 4),
    (NotSignedIn("the sign-in was not completed: the proof is wrong", hint="loco login"), 4),
    (NotAllowed("this server is for people who are invited", hint="ask"), 4),
]


@pytest.mark.parametrize(("error", "code"), ENDS, ids=lambda each: getattr(each, "code", ""))
def test_every_other_outcome_ends_it_with_its_own_words(desk: Server, loco: Loco, error: LocoError, code: int) -> None:
    prompts(desk)
    desk.refuses(SIGN_IN, error)
    found = loco("login", "--server", URL)
    assert (found.code, found.out) == (code, "")
    assert found.err == f"{SHOWN}\nerror: {error.message}\nnext: {error.hint}\n"
    assert nothing_is_remembered()


def test_a_provider_that_is_down_at_the_beginning_ends_it(desk: Server, loco: Loco) -> None:
    desk.answers("GET /v1/server", THE_SERVER.model_copy(update={"providers": ("github",)}))
    desk.refuses("POST /v1/login", ProviderDown("GitHub cannot be reached", hint="later"))
    found = loco("login", "--server", URL)
    assert (found.code, found.err) == (7, "error: GitHub cannot be reached\nnext: later\n")


def test_nobody_is_waited_for_longer_than_the_code_is_good(desk: Server, loco: Loco, clock: Clock) -> None:
    prompts(desk)
    desk.mock.add_response(
        method="POST",
        url=f"{URL}/v1/login/github-7",
        status_code=428,
        json=pending(60).to_problem(),
        is_reusable=True,
    )
    found = loco("login", "--server", URL)
    assert (found.code, found.err.splitlines()[1]) == (4, "error: nobody confirmed the sign-in in time")
    assert 900 <= sum(clock.slept) < 960


@pytest.mark.parametrize("args", [["--no-browser"], ["--json"]])
def test_without_a_browser_code_and_address_are_shown(
    desk: Server, loco: Loco, opened: list[str], args: list[str]
) -> None:
    signs_in(desk)
    found = loco("login", "--server", URL, *args)
    assert found.code == 0
    assert opened == []
    assert "WDJB-MJHT" in found.out + found.err
    assert "loco_new" not in found.out + found.err


def test_a_program_gets_code_and_address_as_an_object(desk: Server, loco: Loco) -> None:
    signs_in(desk)
    for quiet in ((), ("--quiet",)):  # without the code nobody could go on
        found = loco("login", "--server", URL, "--json", *quiet)
        [shown] = found.told
        assert (shown["user_code"], shown["verification_uri"]) == ("WDJB-MJHT", PAGE)
        assert found.json["result"]["server"] == URL
        signs_in(desk)
    assert loco("login", "--server", URL, "--quiet").err == f"{SHOWN}\n"


@pytest.mark.parametrize("answer", [False, webbrowser.Error("none")])
def test_a_browser_that_does_not_open_is_no_failure(
    desk: Server, loco: Loco, monkeypatch: pytest.MonkeyPatch, answer: object
) -> None:
    def nothing(url: str) -> bool:
        if isinstance(answer, Exception):
            raise answer
        return False

    monkeypatch.setattr(webbrowser, "open", nothing)
    signs_in(desk)
    found = loco("login", "--server", URL)
    assert (found.code, found.err) == (0, f"{SHOWN}\nthere is no browser here; any other one will do\n")


@pytest.mark.parametrize(
    "page", ["file:///etc/passwd", "javascript:alert(1)", "http://evil.example/device", "ssh://x", "", None]
)
def test_what_is_no_page_is_not_opened(desk: Server, loco: Loco, opened: list[str], page: str | None) -> None:
    prompts(desk, page=page)
    found = loco("login", "--server", URL)
    assert (found.code, opened) == (4, [])
    assert "asks for a sign-in that this loco does not know" in found.err


def test_a_sign_in_without_a_code_is_not_known(desk: Server, loco: Loco, opened: list[str]) -> None:
    prompts(desk, code=None)
    assert (loco("login", "--server", URL).code, opened) == (4, [])


def test_a_code_cannot_steer_the_terminal(desk: Server, loco: Loco) -> None:
    prompts(desk, code="AB\x1b[2J\x07")
    desk.refuses(SIGN_IN, SignInDenied("no"))
    assert "\x1b" not in loco("login", "--server", URL).err


def test_ctrl_c_ends_it_and_nothing_is_remembered(desk: Server, loco: Loco, clock: Clock) -> None:
    prompts(desk)

    def pressed(seconds: float) -> None:
        raise KeyboardInterrupt

    clock.sleep = pressed  # type: ignore[method-assign]
    found = loco("login", "--server", URL)
    assert (found.code, found.out, found.err) == (130, "", f"{SHOWN}\ninterrupted\n")
    assert nothing_is_remembered()


def test_without_a_terminal_it_fails_at_once_and_names_the_variable(server: Server, loco: Loco) -> None:
    server.url = URL
    server.answers("GET /v1/server", THE_SERVER.model_copy(update={"providers": ("github",)}))
    found = loco("login", "--server", URL)
    assert (found.code, found.out) == (4, "")
    assert found.err == (
        "error: nobody can confirm a sign-in without a terminal\nnext: set LOCO_TOKEN to a token of the server's\n"
    )
    assert server.asked == ["GET /v1/server"]


def test_nothing_is_asked_of_a_server_that_is_not_encrypted(desk: Server, loco: Loco) -> None:
    found = loco("login", "--server", "http://loco.example.com")
    assert (found.code, desk.asked) == (2, [])
    assert "is not encrypted" in found.err


def test_an_invitation_goes_with_the_sign_in_and_is_not_shown(
    desk: Server, loco: Loco, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCO_INVITATION", " the code \n")
    signs_in(desk, pending())
    found = loco("login", "--server", URL, "--invitation")
    assert found.code == 0
    assert desk.body() == {"proof": None, "invitation": "the code"}
    assert "the code" not in found.out + found.err.replace(SHOWN, "")


def test_without_the_variable_the_invitation_is_asked_for(
    desk: Server, loco: Loco, types: Callable[[str], None]
) -> None:
    types("the code\n")
    signs_in(desk)
    assert loco("login", "--server", URL, "--invitation").code == 0
    assert desk.body()["invitation"] == "the code"


def test_an_invitation_that_cannot_be_asked_for_names_the_variable(server: Server, loco: Loco) -> None:
    found = loco("login", "--server", URL, "--invitation")
    assert (found.code, server.asked) == (2, [])
    assert "next: set LOCO_INVITATION" in found.err


def test_the_wait_is_shown_on_a_terminal(desk: Server, loco: Loco, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr("loco_cli.ui.terminal.Ui.working", lambda _, message: said.append(message))
    signs_in(desk)
    assert loco("login", "--server", URL).code == 0
    assert said == ["waiting until github says that it is you"]
