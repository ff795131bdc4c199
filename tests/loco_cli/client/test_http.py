"""Requests to the server: what each carries, to whom the token goes, and what becomes of answers that say no."""

import json
import ssl
from pathlib import Path
from typing import Any

import httpx
import pytest

from loco_cli.client.http import Http
from loco_cli.config import Choice
from loco_cli.credentials import Token
from loco_spec import api
from loco_spec.errors import (
    FieldFault,
    LocoError,
    NotSignedIn,
    RecordsAway,
    Refused,
    ServerFault,
    ServerUnreachable,
    SignInSlowDown,
    TooManyRequests,
    UsageError,
)
from loco_spec.version import VERSION
from tests.loco_cli.conftest import Clock
from tests.loco_cli.samples import APP, DIAGNOSIS, me
from tests.loco_cli.server import TOKEN, Server

SAFE = [
    "http://127.0.0.1:7070",
    "http://localhost:7070",
    "http://[::1]:7070",
    "http://loco.localhost",
    "https://loco.example.com",
]
READABLE_ON_THE_WAY = [
    "http://loco.example.com",
    "HTTP://loco.example.com",
    "http://10.0.0.1:7070",
    "http://127.0.0.1.example.com",
    "http://localhost.example.com",
    "http://127.0.0.1@loco.example.com",
    "http://notlocalhost",
]


def client(url: str, token: str | None = TOKEN) -> Http:
    return Http(Choice(url, "--server"), None if token is None else Token(token, "keyring"))


def test_every_request_says_which_loco_it_is_from(server: Server, http: Http) -> None:
    server.answers("GET /v1/me", me())
    http.get("/v1/me", api.Me)
    headers = server.mock.get_requests()[0].headers
    assert headers["loco-version"] == VERSION
    assert headers["user-agent"] == f"loco/{VERSION}"


@pytest.mark.parametrize("url", SAFE)
def test_the_token_is_sent_over_https_and_to_this_machine(server: Server, url: str) -> None:
    server.url = url
    server.answers("GET /v1/me", me(), match_headers={"authorization": f"Bearer {TOKEN}"})
    assert client(url).get("/v1/me", api.Me) == me()


@pytest.mark.parametrize(("url", "read"), [("http://127.0.0.1:7070", 0), ("https://loco.example.com", 1)])
def test_certificates_are_read_where_they_are_needed(monkeypatch: pytest.MonkeyPatch, url: str, read: int) -> None:
    found = []
    real = ssl.create_default_context

    def create(**options: Any) -> ssl.SSLContext:
        context = real(**options)
        found.append(context.verify_mode)
        return context

    monkeypatch.setattr(ssl, "create_default_context", create)
    client(url)
    assert found == [ssl.CERT_REQUIRED] * read


@pytest.mark.parametrize("url", READABLE_ON_THE_WAY)
def test_the_token_is_never_sent_where_it_could_be_read_on_the_way(server: Server, url: str) -> None:
    for ask in (
        lambda: client(url).get("/v1/me", api.Me),
        lambda: client(url).post("/v1/me", api.Me),
        lambda: client(url).delete("/v1/session"),
        lambda: client(url).stream("/v1/events", last_id=None).__enter__(),
    ):
        with pytest.raises(UsageError, match="not encrypted") as caught:
            ask()
        assert caught.value.hint == "use https://, or a tunnel to 127.0.0.1"
        assert TOKEN not in caught.value.message
    assert server.asked == []


def test_without_a_token_nothing_is_asked_that_needs_one(server: Server) -> None:
    with pytest.raises(NotSignedIn, match=r"^you are not signed in to https://loco\.example\.com$") as caught:
        client("https://loco.example.com", token=None).get("/v1/me", api.Me)
    assert caught.value.hint == "loco login"
    assert server.asked == []


@pytest.mark.parametrize("token", ["loco_a\nb", "loco_a b", "loco_\N{HORIZONTAL ELLIPSIS}", "loco_a\x00"])
def test_a_token_that_no_header_can_carry_is_refused_by_its_source_and_not_shown(server: Server, token: str) -> None:
    with pytest.raises(NotSignedIn) as caught:
        client(server.url, token).get("/v1/me", api.Me)
    assert caught.value.message == "what keyring holds is no token of loco"
    assert caught.value.hint == "loco login"
    assert server.asked == []


def test_what_is_open_to_all_is_asked_without_the_token_and_also_unencrypted(server: Server) -> None:
    server.url = "http://loco.example.com"
    prompt = api.LoginPrompt(login="local-1", provider="local", expires_in=60)
    server.answers("POST /v1/login", prompt)
    server.answers("GET /v1/login", prompt)
    http = client(server.url)
    http.post("/v1/login", api.LoginPrompt, signed_in=False)
    http.get_public("/v1/login", api.LoginPrompt)
    assert ["authorization" in request.headers for request in server.mock.get_requests()] == [False, False]


OF_THEIR_OWN = (NotSignedIn, RecordsAway, TooManyRequests)


@pytest.mark.parametrize("cls", [LocoError, *(cls for cls in LocoError.by_code.values() if cls not in OF_THEIR_OWN)])
def test_what_the_server_raised_is_raised_here_with_all_that_it_said(
    server: Server, http: Http, cls: type[LocoError]
) -> None:
    fields = [FieldFault(path="spec.name", message="expected a name")]
    server.refuses("GET /v1/me", cls("no", hint="loco apps", fields=fields, diagnosis=DIAGNOSIS, retry_after=3))
    with pytest.raises(cls) as caught:
        http.get("/v1/me", api.Me)
    found = caught.value
    assert type(found) is cls
    assert (found.message, found.hint, found.fields) == ("no", "loco apps", tuple(fields))
    assert (found.diagnosis, found.retry_after) == (DIAGNOSIS, 3)


def test_a_token_that_is_refused_is_named_by_its_source_and_not_shown(server: Server) -> None:
    server.refuses("GET /v1/me", NotSignedIn("the token is not good", hint="loco login"))
    with pytest.raises(NotSignedIn) as caught:
        client(server.url).get("/v1/me", api.Me)
    assert caught.value.message == "the token is not good (it came from keyring)"
    assert caught.value.hint == "loco login"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>404 at the proxy</html>",
        b"[1]",
        b"null",
        b'"code"',
        b'{"code": ',
        b"\xff\xfe\x00",
        b'{"detail": "Not Found"}',
        b'{"code": "not-found", "fields": null}',
        b'{"code": "not-found", "fields": [{"path": 1}]}',
        b'{"code": "not-found", "diagnosis": "?"}',
    ],
)
def test_an_answer_of_somebody_else_is_told_by_its_status_alone(server: Server, http: Http, body: bytes) -> None:
    server.says("GET /v1/me", 404, body)
    with pytest.raises(ServerFault) as caught:
        http.get("/v1/me", api.Me)
    assert caught.value.message == "http://127.0.0.1:7070 answered 404 to GET /v1/me; is it a loco server?"
    assert caught.value.hint == "loco version"


@pytest.mark.parametrize("status", [301, 302, 307])
def test_a_redirect_is_not_followed_and_is_no_yes(server: Server, http: Http, status: int) -> None:
    for method in ("DELETE", "GET"):
        server.says(f"{method} {APP}", status, location="https://portal.example.com/login")
    with pytest.raises(ServerFault, match=f"answered {status} to DELETE {APP}; is it a loco server?"):
        http.delete(APP)
    with pytest.raises(ServerFault, match=f"answered {status} to GET {APP}; is it a loco server?"):
        http.stream(APP, last_id=None).__enter__()


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_proxy_without_the_server_behind_it_is_a_server_that_cannot_be_reached(
    server: Server, http: Http, status: int
) -> None:
    server.says("GET /v1/me", status, b"<html>Bad Gateway</html>")
    with pytest.raises(ServerUnreachable) as caught:
        http.get("/v1/me", api.Me)
    assert caught.value.message == (
        f"http://127.0.0.1:7070 answered {status} to GET /v1/me: what stands before the server cannot reach it"
    )
    assert caught.value.hint == "try again later"


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"user": "ann"}'])
def test_a_yes_that_is_not_understood_is_no_answer(server: Server, http: Http, body: bytes) -> None:
    server.says("GET /v1/me", 200, body)
    with pytest.raises(ServerFault, match=r"answered with what this loco \([\d.]+\) does not understand") as caught:
        http.get("/v1/me", api.Me)
    assert caught.value.hint == "loco version"


def test_what_a_later_server_adds_to_an_answer_is_passed_over(server: Server, http: Http) -> None:
    server.says("GET /v1/me", 200, json.dumps({**me().model_dump(mode="json"), "shoe_size": 43}).encode())
    assert http.get("/v1/me", api.Me) == me()


@pytest.mark.parametrize("url", [f"http://{'é' * 60}.com", "http://loco.exa\nmple.com", "http://\N{SNOWMAN}.com"])
def test_a_url_that_cannot_be_asked_is_refused_with_its_source(url: str) -> None:
    with pytest.raises(UsageError, match=r"^--server is not a URL of a server: 'http://") as caught:
        client(url)
    assert caught.value.hint == "write it as https://loco.example.com"


@pytest.mark.parametrize("url", [f"http://{'a' * 64}.com", "http://loco..com", "http://xn--a"])
def test_a_host_that_no_name_server_can_be_asked_for_is_not_reached(url: str) -> None:
    for ask in (
        lambda: client(url).get_public("/v1/server", api.Me),
        lambda: client(url.replace("http", "https")).stream("/v1/events", last_id=None).__enter__(),
    ):
        with pytest.raises(ServerUnreachable, match="cannot be reached"):
            ask()


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        (
            "http://127.0.0.1:7070",
            (
                "start it as before: loco-server local --detach, or scripts/quickstart; "
                "or choose another server: loco login --server URL"
            ),
        ),
        (
            "https://loco.example.com",
            "check the URL and your network, or choose another server: loco login --server URL",
        ),
    ],
)
@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ConnectTimeout, httpx.ReadTimeout])
def test_a_server_that_is_not_reached_is_named_with_where_its_url_comes_from(
    server: Server, url: str, hint: str, error: type[httpx.TransportError]
) -> None:
    server.url = url
    server.is_away("DELETE /v1/session", error("why not"))
    with pytest.raises(ServerUnreachable) as caught:
        client(url).delete("/v1/session")
    assert caught.value.message == f"{url} (from --server) cannot be reached: why not"
    assert caught.value.hint == hint


@pytest.mark.parametrize("why", ["unable to get local issuer certificate", "self-signed certificate"])
def test_a_server_whose_authority_is_not_known_is_told_with_how_to_name_it(server: Server, why: str) -> None:
    server.url = "https://loco.example.com"
    said = f"[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: {why} (_ssl.c:1006)"
    server.is_away("GET /v1/me", httpx.ConnectError(said))
    with pytest.raises(ServerUnreachable, match=why) as caught:
        client(server.url).get("/v1/me", api.Me)
    assert caught.value.hint.startswith("name the authority that has signed its certificate: SSL_CERT_FILE=ca.pem, or ")


@pytest.mark.parametrize(("content", "why"), [(None, "No such file"), ("none", "no certificate")])
def test_a_file_of_certificates_that_is_none_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None, why: str
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with pytest.raises(UsageError, match=f"SSL_CERT_FILE names no certificates: {path}: .*{why}") as caught:
        client("https://loco.example.com")
    assert caught.value.hint == "name a file of certificates in PEM, or unset it"
    client("http://127.0.0.1:7070")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FileNotFoundError(2, "No such file or directory", "/usr/lib/certs.pem"), "/usr/lib/certs.pem: No such file"),
        (OSError("surprise"), "the certificates to trust cannot be read: surprise"),
    ],
)
def test_certificates_that_nobody_has_named_are_not_said_to_be_the_variables(
    monkeypatch: pytest.MonkeyPatch, error: OSError, said: str
) -> None:
    def fails(*_: object, **__: object) -> httpx.Client:
        raise error

    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(httpx, "Client", fails)
    with pytest.raises(UsageError, match=said) as caught:
        client("https://loco.example.com")
    assert "SSL_CERT_FILE names" not in caught.value.message


def test_a_failure_without_words_is_told_by_its_kind(server: Server, http: Http) -> None:
    server.is_away("GET /v1/me", httpx.ReadTimeout(""))
    with pytest.raises(ServerUnreachable, match="cannot be reached: ReadTimeout"):
        http.get("/v1/me", api.Me)


def test_a_destroy_may_take_minutes_and_a_question_may_not(server: Server, http: Http) -> None:
    server.answers("GET /v1/me", me())
    server.answers("DELETE /v1/session")
    http.get("/v1/me", api.Me)
    http.delete("/v1/session")
    waits = [request.extensions["timeout"] for request in server.mock.get_requests()]
    assert [wait["read"] for wait in waits] == [60, 300]
    assert waits[0]["connect"] == 10


@pytest.mark.parametrize(("url", "proxied"), [("http://127.0.0.1:7070", False), ("https://loco.example.com", True)])
def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(
    server: Server, monkeypatch: pytest.MonkeyPatch, url: str, *, proxied: bool
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://proxy.example.com:3128")
    server.url = url
    server.answers("GET /v1/me", me())
    client(url).get("/v1/me", api.Me)
    assert len(server.mock.get_requests(proxy_url="http://proxy.example.com:3128/")) == int(proxied)


@pytest.mark.parametrize("error", [httpx.ReadError, httpx.WriteError, httpx.CloseError, httpx.RemoteProtocolError])
def test_a_connection_that_breaks_off_is_made_again_and_the_server_knows_the_request_for_the_same(
    server: Server, http: Http, clock: Clock, error: type[httpx.TransportError]
) -> None:
    for _ in range(7):
        server.is_away("POST /v1/me", error("cut"))
    server.answers("POST /v1/me", me())
    assert http.post("/v1/me", api.Me) == me()
    assert clock.slept == [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]
    server.answers("POST /v1/me", me())
    http.post("/v1/me", api.Me)
    keys = [each.headers["idempotency-key"] for each in server.mock.get_requests()]
    assert len(set(keys[:8])) == 1
    assert keys[8] != keys[0]


def test_after_eight_cuts_the_server_is_not_reached(server: Server, http: Http, clock: Clock) -> None:
    for _ in range(8):
        server.is_away("GET /v1/me", httpx.ReadError("cut"))
    with pytest.raises(ServerUnreachable, match="cannot be reached: cut"):
        http.get("/v1/me", api.Me)
    assert len(clock.slept) == 7


def test_records_that_are_away_are_waited_for_and_it_is_said_why(server: Server, clock: Clock) -> None:
    away = RecordsAway("the records of the server have no room: the disk is full", retry_after=5)
    for _ in range(7):
        server.refuses("POST /v1/me", away)
    said: list[str] = []
    http = Http(Choice(server.url, "--server"), Token(TOKEN, "keyring"), say=said.append)
    with pytest.raises(RecordsAway) as error:
        http.post("/v1/me", api.Me)
    assert (clock.slept, error.value.exit_code) == ([5] * 6, 7)
    assert said == ["the records of the server have no room: the disk is full; waiting 5 s"]


def busy(seconds: int | None = 7) -> TooManyRequests:
    return TooManyRequests("too many requests with this token", retry_after=seconds)


def test_what_was_one_too_many_is_asked_again_when_the_server_says_and_said_once(server: Server, clock: Clock) -> None:
    for _ in range(3):
        server.refuses("POST /v1/me", busy())
    server.answers("POST /v1/me", me())
    said: list[str] = []
    http = Http(Choice(server.url, "--server"), Token(TOKEN, "keyring"), say=said.append)
    assert http.post("/v1/me", api.Me) == me()
    assert (clock.slept, len(server.asked)) == ([7, 7, 7], 4)
    assert said == [f"{server.url} has no time for more requests now; waiting 7 s"]


def test_after_three_waits_it_is_an_error(server: Server, http: Http, clock: Clock) -> None:
    for _ in range(4):
        server.refuses("GET /v1/me", busy())
    with pytest.raises(TooManyRequests) as error:
        http.get("/v1/me", api.Me)
    assert (error.value.retry_after, error.value.exit_code, len(clock.slept)) == (7, 1, 3)


@pytest.mark.parametrize(
    "error", [busy(31), busy(None), SignInSlowDown("slower", retry_after=5), Refused("no", retry_after=5)]
)
def test_nobody_waits_long_or_for_another_reason(server: Server, http: Http, clock: Clock, error: LocoError) -> None:
    server.refuses("GET /v1/me", error)
    with pytest.raises(type(error)):
        http.get("/v1/me", api.Me)
    assert clock.slept == []
