"""`loco open`."""

import webbrowser

import pytest

from loco_spec import api
from tests.loco_cli.conftest import Loco
from tests.loco_cli.server import Server

pytestmark = pytest.mark.usefixtures("signed_in")

SHOP = ("--app", "shop", "--team", "acme")
URLS = ("https://shop.example.com", "https://other.example.com")


class Browser:
    def __init__(self, *, is_there: bool = True) -> None:
        self.opened: list[str] = []
        self._is_there = is_there

    def open(self, url: str) -> bool:
        self.opened.append(url)
        return self._is_there


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Browser:
    found = Browser()
    monkeypatch.setattr(webbrowser, "open", found.open)
    return found


def answers(server: Server, *urls: str) -> None:
    server.answers("GET /v1/teams/acme/apps/shop", api.AppStatus(team="acme", app="shop", urls=urls))


def test_the_first_address_is_opened_and_told(server: Server, loco: Loco, browser: Browser) -> None:
    answers(server, *URLS)
    found = loco("open", *SHOP)
    assert (found.code, found.out, found.err) == (0, f"{URLS[0]}\n", "")
    assert browser.opened == [URLS[0]]


@pytest.mark.parametrize("flag", ["--print", "--json"])
def test_whoever_only_wants_the_address_gets_no_browser(
    server: Server, loco: Loco, browser: Browser, flag: str
) -> None:
    answers(server, *URLS)
    assert URLS[0] in loco("open", *SHOP, flag).out
    assert browser.opened == []


def test_without_a_browser_the_address_is_told_all_the_same(
    server: Server, loco: Loco, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webbrowser, "open", Browser(is_there=False).open)
    answers(server, *URLS)
    found = loco("open", *SHOP)
    assert (found.code, found.out) == (0, f"{URLS[0]}\n")
    assert found.err == "there is no browser here; the address is\n"


def test_an_app_without_an_address_is_not_found(server: Server, loco: Loco, browser: Browser) -> None:
    answers(server)
    found = loco("open", *SHOP)
    assert (found.code, found.out) == (5, "")
    assert found.err == "error: shop has no address: nothing of it is live\nnext: loco deploy\n"
    assert browser.opened == []
