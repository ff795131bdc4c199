"""How often one may ask: 429 with when again, before anything is looked up, and no more of it than is told."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request

from loco_server import keys
from loco_server.gateway.tickets import Grant
from loco_server.gateway.tokens import RegistryTokens
from loco_server.http.app import api_app
from loco_server.http.rates import Rates, network
from loco_server.http.registry_token import TOKEN_PATH, token_route
from loco_server.settings import Limits, TokenTimes
from loco_spec.errors import NotSignedIn, TooManyRequests, UsageError
from tests.loco_server.http.api import Api, refused, running
from tests.loco_server.records.databases import Records

pytestmark = pytest.mark.anyio

LIMITS = Limits(requests_per_token=60, requests_per_address=240)
"""12 at once and 60 a minute with a token; 60 at once and 240 a minute from an address, of them 12 that are no good."""


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def server(records: Records, tmp_path: Path, clock: Clock) -> AsyncIterator[Api]:
    async with running(records, tmp_path, rates=Rates(LIMITS, clock)) as found:
        yield found


def busy(answer: httpx.Response) -> TooManyRequests:
    error = refused(answer)
    assert isinstance(error, TooManyRequests)
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == str(error.retry_after)
    return error


async def test_a_token_has_a_burst_and_then_a_rate(server: Api, clock: Clock) -> None:
    ann, bob = await server.client("ann"), await server.client("bob")
    assert [(await ann.get("/v1/me")).status_code for _ in range(12)] == [200] * 12
    error = busy(await ann.get("/v1/me"))
    assert (error.retry_after, error.message) == (1, "too many requests with this token")
    assert (await bob.get("/v1/me")).status_code == 200
    clock.now += 1
    assert (await ann.get("/v1/me")).status_code == 200
    busy(await ann.get("/v1/me"))


async def test_an_address_has_one_before_anything_is_known(server: Api, clock: Clock) -> None:
    nobody, ann = await server.client(None), await server.client("ann")
    assert {(await nobody.get("/v1/server")).status_code for _ in range(60)} == {200}
    assert busy(await nobody.get("/v1/server")).message == "too many requests from your address"
    busy(await ann.get("/v1/me"))
    clock.now += 1
    assert (await ann.get("/v1/me")).status_code == 200


async def test_tokens_that_are_no_good_are_told_to_wait_after_a_few_and_a_new_good_one_is_let_in(
    server: Api, clock: Clock
) -> None:
    ann, lost = await server.client("ann"), await server.client("bob")
    ended = await server.client("bob")
    assert (await ended.delete("/v1/session")).status_code == 204
    guess = await server.client(None)
    for number in range(12):
        guess.headers["authorization"] = f"Bearer loco_ses_{number:010d}_{'x' * 40}"
        clients = ended if number % 2 else guess
        assert isinstance(refused(await clients.get("/v1/me")), NotSignedIn)
    good = await server.client("ann")
    assert (await good.get("/v1/me")).status_code == 200
    answers = {client: await client.get("/v1/me") for client in (guess, ended)}
    told = {(busy(answer).message, answer.text, str(sorted(answer.headers.items()))) for answer in answers.values()}
    assert len(told) == 1
    clock.now += 5
    for client in (good, ann, lost):
        assert (await client.get("/v1/me")).status_code == 200
    assert isinstance(refused(await guess.get("/v1/me")), NotSignedIn)
    busy(await guess.get("/v1/me"))
    assert (await ann.get("/v1/me")).status_code == 200
    assert (await ann.delete("/v1/session")).status_code == 204
    busy(await ann.get("/v1/me"))


async def test_one_without_a_token_is_told_to_sign_in_however_often(server: Api) -> None:
    nobody = await server.client(None)
    assert {(await nobody.get("/v1/me")).status_code for _ in range(30)} == {401}


async def test_sign_ins_are_few_and_leave_everything_else_alone(server: Api, clock: Clock) -> None:
    nobody, ann = await server.client(None), await server.client("ann")
    for _ in range(12):
        assert isinstance(refused(await nobody.post("/v1/login", json={"provider": "x"})), UsageError)
    for path in ("/v1/login", "/v1/login/ci", "/v1/login/local-a"):
        assert busy(await nobody.post(path, json={})).retry_after == 5
    assert (await ann.get("/v1/me")).status_code == 200
    clock.now += 5
    assert isinstance(refused(await nobody.post("/v1/login", json={"provider": "x"})), UsageError)


async def test_a_registry_client_is_told_so_in_its_own_form(server: Api, tmp_path: Path, clock: Clock) -> None:
    class Book:
        async def grant(self, username: str, password: str) -> Grant | None:
            del username
            return Grant("ann/shop-abcdefghij", ("push",), "abcdefghij-v1") if password == "good" else None

    tokens = RegistryTokens(keys.signing_key(tmp_path / "key.pem"), TokenTimes())
    route = token_route(tokens=tokens, book=Book(), rates=Rates(LIMITS, clock))
    transport = httpx.ASGITransport(api_app(server.services, [route]))
    basic = {"authorization": "Basic " + base64.b64encode(b"abcdefghij-v1:good").decode()}
    async with httpx.AsyncClient(transport=transport, base_url="http://loco", headers=basic) as client:
        assert {(await client.get(TOKEN_PATH)).status_code for _ in range(60)} == {200}
        answer = await client.get(TOKEN_PATH)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
        assert answer.json()["errors"][0]["code"] == "TOOMANYREQUESTS"
        clock.now += 1
        assert (await client.get(TOKEN_PATH)).status_code == 200


def test_without_limits_everybody_asks_as_often_as_they_like() -> None:
    rates = Rates(Limits(requests_per_token=0, requests_per_address=0), Clock())
    for _ in range(5000):
        rates.knock("1.2.3.4", signs_in=True)
        rates.use("t")
        with pytest.raises(NotSignedIn), rates.token("1.2.3.4"):
            raise NotSignedIn("no")
        assert rates.registry("1.2.3.4") is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("testclient", "", False),
        ("x" * 60, "x" * 60_000, True),
    ],
)
def test_addresses_of_one_ipv6_network_are_one(one: str, other: str, same: bool) -> None:
    def of(host: str) -> str:
        return network(Request({"type": "http", "client": (host, 1) if host else None}))

    assert (of(one) == of(other)) is same
