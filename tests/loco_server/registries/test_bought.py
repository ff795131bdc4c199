"""What a registry's token service is asked, how long its tokens are kept, and what is believed of its answers."""

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pytest_httpx import HTTPXMock

from loco_server.registries import bought
from loco_server.registries.base import RegistryDownError
from loco_server.registries.harbor import Harbor

pytestmark = pytest.mark.anyio

URL = "https://harbor.example.com"
SHOP = re.compile(re.escape(f"{URL}/service/token?"))
CHALLENGE = f'Bearer realm="{URL}/service/token",service="harbor-registry"'
ACCOUNT = ("robot$platform+loco", "s3cret")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def harbor(tmp_path: Path, clock: Clock) -> AsyncIterator[Harbor]:
    path = tmp_path / "password"
    path.write_text(f"{ACCOUNT[1]}\n")
    path.chmod(0o600)
    found = Harbor(url=f"{URL}/", prefix="platform", username=ACCOUNT[0], password_file=path, clock=clock)
    yield found
    await found.close()


def challenges(shop: HTTPXMock, text: str = CHALLENGE) -> None:
    shop.add_response(url=f"{URL}/v2/", status_code=401, headers={"www-authenticate": text})


def sells(shop: HTTPXMock, token: str, **more: Any) -> None:
    shop.add_response(url=SHOP, json={"token": token, **more})


def jwt(**claims: float) -> str:
    return f"e30.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.signature"


async def test_a_token_is_bought_where_the_registry_says_for_one_repository_under_the_prefix(
    harbor: Harbor, httpx_mock: HTTPXMock
) -> None:
    challenges(httpx_mock)
    sells(httpx_mock, "t1", expires_in=300)
    assert await harbor.upstream_authorization("acme/shop-abcdefghij", ("push",)) == "Bearer t1"
    asked = httpx_mock.get_requests()[1]
    assert dict(asked.url.params) == {
        "service": "harbor-registry",
        "client_id": "loco",
        "scope": "repository:platform/acme/shop-abcdefghij:delete,pull,push",
    }
    assert asked.headers["authorization"] == httpx.BasicAuth(*ACCOUNT)._auth_header


async def test_one_that_opens_nothing_but_v2_is_bought_without_a_scope_and_serves_every_repository(
    harbor: Harbor, httpx_mock: HTTPXMock
) -> None:
    challenges(httpx_mock)
    sells(httpx_mock, "t1", expires_in=300)
    assert await harbor.upstream_authorization("acme/a", ()) == "Bearer t1"
    assert await harbor.upstream_authorization("acme/b", ()) == "Bearer t1"
    assert "scope" not in httpx_mock.get_requests()[1].url.params


@pytest.mark.parametrize(
    ("token", "told", "life"),
    [
        ("t1", {"expires_in": 300}, 300),
        (jwt(iat=50, exp=950), {}, 900),
        (jwt(nbf=50, exp=350), {}, 300),
        (jwt(iat=50, exp=950), {"expires_in": 100}, 100),
        ("opaque", {}, 60),
        (jwt(exp=950), {}, 60),
        ("t1", {"expires_in": 10**9}, 3600),
    ],
)
async def test_a_token_is_kept_until_shortly_before_it_ends(
    harbor: Harbor, httpx_mock: HTTPXMock, clock: Clock, token: str, told: dict[str, Any], life: float
) -> None:
    challenges(httpx_mock)
    sells(httpx_mock, token, **told)
    assert await harbor.authorization("a", ("pull",)) == f"Bearer {token}"
    clock.now += life * 0.79
    assert await harbor.authorization("a", ("pull",)) == f"Bearer {token}"
    clock.now += life * 0.02
    sells(httpx_mock, "next", expires_in=300)
    assert await harbor.authorization("a", ("pull",)) == "Bearer next"


async def test_who_wants_the_same_token_at_once_shares_one_purchase(harbor: Harbor, httpx_mock: HTTPXMock) -> None:
    challenges(httpx_mock)

    async def slowly(_: httpx.Request) -> httpx.Response:
        for _turn in range(3):
            await asyncio.sleep(0)
        return httpx.Response(200, json={"token": "t1", "expires_in": 300})

    httpx_mock.add_callback(slowly, url=SHOP)
    found = await asyncio.gather(*(harbor.authorization("a", ("pull",)) for _ in range(20)))
    assert set(found) == {"Bearer t1"}


async def test_a_bounded_number_is_kept_and_the_one_used_longest_ago_goes(
    harbor: Harbor, httpx_mock: HTTPXMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bought, "KEPT", 2)
    challenges(httpx_mock)
    for repository in ("a", "b"):
        sells(httpx_mock, repository, expires_in=300)
        await harbor.authorization(repository, ("pull",))
    await harbor.authorization("a", ("pull",))
    sells(httpx_mock, "c", expires_in=300)
    await harbor.authorization("c", ("pull",))
    assert await harbor.authorization("a", ("pull",)) == "Bearer a"
    sells(httpx_mock, "b again", expires_in=300)
    with pytest.raises(RegistryDownError, match="not a token"):  # asked for anew: and what has a space is none
        await harbor.authorization("b", ("pull",))


async def test_where_the_registry_takes_the_account_itself_nothing_is_bought(
    harbor: Harbor, httpx_mock: HTTPXMock
) -> None:
    challenges(httpx_mock, 'Basic realm="harbor"')
    expected = httpx.BasicAuth(*ACCOUNT)._auth_header
    assert await harbor.authorization("a", ("pull",)) == expected


@pytest.mark.parametrize(
    "text",
    [
        'Bearer realm="http://harbor.example.com/service/token",service="harbor-registry"',
        'Bearer service="harbor-registry"',
        'Bearer realm="/service/token"',
        "Negotiate",
        "",
    ],
)
async def test_the_secret_goes_nowhere_but_to_a_place_with_tls(
    harbor: Harbor, httpx_mock: HTTPXMock, text: str
) -> None:
    challenges(httpx_mock, text)
    with pytest.raises(RegistryDownError, match=r"https://"):
        await harbor.authorization("a", ("pull",))
    assert len(httpx_mock.get_requests()) == 1


async def test_a_refused_account_is_named_and_its_secret_is_not(harbor: Harbor, httpx_mock: HTTPXMock) -> None:
    challenges(httpx_mock)
    httpx_mock.add_response(url=SHOP, status_code=401, text=f"no {ACCOUNT[1]}")
    with pytest.raises(RegistryDownError, match=re.escape(ACCOUNT[0])) as found:
        await harbor.authorization("a", ("pull",))
    assert ACCOUNT[1] not in str(found.value)


@pytest.mark.parametrize(
    "answer", ["", "[]", "{}", '{"token": 1}', '{"token": "a\\r\\nb"}', '{"token":"t","expires_in":"x"}']
)
async def test_what_is_not_a_token_is_not_put_into_a_header_nor_into_the_error(
    harbor: Harbor, httpx_mock: HTTPXMock, answer: str
) -> None:
    challenges(httpx_mock)
    httpx_mock.add_response(url=SHOP, text=answer)
    with pytest.raises(RegistryDownError, match=r"not a token$") as found:
        await harbor.authorization("a", ("pull",))
    assert found.value.__cause__ is None


async def test_a_token_service_that_is_away_is_the_registry_being_down_and_is_asked_again(
    harbor: Harbor, httpx_mock: HTTPXMock
) -> None:
    httpx_mock.add_exception(httpx.ConnectError("refused"))
    with pytest.raises(RegistryDownError, match="does not answer"):
        await harbor.authorization("a", ("pull",))
    challenges(httpx_mock)
    httpx_mock.add_response(url=SHOP, status_code=503)
    with pytest.raises(RegistryDownError, match="answered 503"):
        await harbor.authorization("a", ("pull",))
    challenges(httpx_mock)  # its token service may have moved
    sells(httpx_mock, "t1")
    assert await harbor.authorization("a", ("pull",)) == "Bearer t1"


async def test_a_secret_that_others_can_read_is_not_used(harbor: Harbor, httpx_mock: HTTPXMock, tmp_path: Path) -> None:
    challenges(httpx_mock)
    (tmp_path / "password").chmod(0o644)
    with pytest.raises(RegistryDownError, match="chmod 600"):
        await harbor.authorization("a", ("pull",))


async def test_who_waited_for_a_silent_token_service_does_not_wait_for_it_again(
    harbor: Harbor, httpx_mock: HTTPXMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bought, "BUY_SECONDS", 0.2)
    challenges(httpx_mock)

    async def silent(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    httpx_mock.add_callback(silent, url=SHOP)
    async with asyncio.timeout(1):  # and not 20 times 0.2 s
        found = await asyncio.gather(*(harbor.authorization("a", ("pull",)) for _ in range(20)), return_exceptions=True)
    assert {type(each) for each in found} == {RegistryDownError}
    assert len(httpx_mock.get_requests()) == 2
    sells(httpx_mock, "t1", expires_in=300)
    assert await harbor.authorization("a", ("pull",)) == "Bearer t1"  # who comes later asks anew
