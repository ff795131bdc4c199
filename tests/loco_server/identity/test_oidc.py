"""Identity tokens: what their issuer signed, and nothing that anybody else made up."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from loco_server.identity.base import Believed, Down, Unbelievable
from loco_server.identity.oidc import Oidc
from tests.loco_server.identity.strict_issuer import GITHUB, Issuer, part, rsa, signed, signed_by_hmac, unsigned
from tests.loco_server.identity.strict_provider import Clock

pytestmark = pytest.mark.anyio


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def issuer(clock: Clock) -> Issuer:
    return Issuer(clock=clock)


@pytest.fixture
def oidc(issuer: Issuer, clock: Clock) -> Oidc:
    return Oidc({GITHUB: GITHUB}, transport=issuer.transport, clock=clock, timer=clock)


async def reason(oidc: Oidc, token: str) -> str:
    found = await oidc.read(token)
    assert isinstance(found, Unbelievable)
    assert token not in found.reason
    return found.reason


async def test_what_the_issuer_signed_is_believed(oidc: Oidc, issuer: Issuer, clock: Clock) -> None:
    found = await oidc.read(issuer.token(ref="refs/heads/dev"))
    assert isinstance(found, Believed)
    assert (found.issuer, found.claims["ref"]) == (GITHUB, "refs/heads/dev")
    assert found.ends_at == clock.now + 300 + 60
    assert "refs/heads/dev" not in repr(found)


async def test_an_elliptic_key_is_as_good(oidc: Oidc, issuer: Issuer) -> None:
    issuer.rotate(ECKey.generate_key("P-256", {"kid": "ec", "use": "sig"}))
    assert isinstance(await oidc.read(issuer.token()), Believed)


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": 59},
        {"exp": -59},
        {"iat": 60, "nbf": 60, "exp": 300},
        {"iat": None, "nbf": None, "exp": 300},
        {"exp": 0.5},
    ],
)
async def test_a_minute_more_or_less_is_nothing(
    oidc: Oidc, issuer: Issuer, clock: Clock, changes: dict[str, float | None]
) -> None:
    times: dict[str, Any] = {name: None if value is None else clock.now + value for name, value in changes.items()}
    assert isinstance(await oidc.read(issuer.token(**times)), Believed)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"exp": -60}, "ended"),
        ({"exp": None}, "no time"),
        ({"iat": 61, "exp": 300}, "future"),
        ({"nbf": 61, "exp": 300}, "future"),
    ],
)
async def test_the_past_and_the_future_are_refused(
    oidc: Oidc, issuer: Issuer, clock: Clock, changes: dict[str, float | None], why: str
) -> None:
    times: dict[str, Any] = {name: None if value is None else clock.now + value for name, value in changes.items()}
    assert why in await reason(oidc, issuer.token(**times))


@pytest.mark.parametrize("value", ["2030", True, [], 1e300, float("nan")])
async def test_a_time_that_is_none_is_refused(oidc: Oidc, issuer: Issuer, value: object) -> None:
    assert await reason(oidc, issuer.token(exp=value)) == "the token's exp is no time"
    assert await reason(oidc, issuer.token(nbf=value)) == "the token's nbf is no time"


@pytest.mark.parametrize(
    "url",
    ["https://evil.example", "https://token.actions.githubusercontent.com/", f"{GITHUB}.evil.example", "", None, 7],
)
async def test_another_issuer_is_refused_and_never_asked_for_keys(oidc: Oidc, issuer: Issuer, url: object) -> None:
    assert "does not believe the issuer" in await reason(oidc, issuer.token(iss=url))
    assert issuer.asked == []


async def test_a_signature_of_somebody_elses_is_refused(oidc: Oidc, issuer: Issuer) -> None:
    forged = issuer.token(key=rsa(2), header={"kid": "rsa-1"})
    assert await reason(oidc, forged) == "the token is not signed by its issuer"


async def test_claims_that_were_changed_after_they_were_signed_are_refused(oidc: Oidc, issuer: Issuer) -> None:
    head, _, signature = issuer.token().split(".")
    changed = f"{head}.{part(issuer.claims(repository_id='75'))}.{signature}"
    assert await reason(oidc, changed) == "the token is not signed by its issuer"


async def test_no_signature_is_no_signature(oidc: Oidc, issuer: Issuer) -> None:
    for alg in ("none", "None", "NONE", "", "RS256"):
        found = await reason(oidc, unsigned(issuer.claims(), kid="rsa-1", alg=alg))
        assert "signed" in found


async def test_the_public_key_is_no_shared_secret(oidc: Oidc, issuer: Issuer) -> None:
    public = rsa(1).as_pem(private=False)
    forged = signed_by_hmac(issuer.claims(), kid="rsa-1", secret=public)
    assert await reason(oidc, forged) == "the token is not signed with RS256 or ES256"


@pytest.mark.parametrize("alg", ["HS256", "HS512", "RS512", "PS256", "ES512", "EdDSA"])
async def test_no_other_algorithm_is_taken(oidc: Oidc, issuer: Issuer, alg: str) -> None:
    _, body, signature = issuer.token().split(".")
    bent = f"{part({'alg': alg, 'kid': 'rsa-1'})}.{body}.{signature}"
    assert await reason(oidc, bent) == "the token is not signed with RS256 or ES256"


async def test_an_algorithm_that_is_not_the_keys_is_refused(oidc: Oidc, issuer: Issuer) -> None:
    curve = ECKey.generate_key("P-256", {"kid": "rsa-1"})
    assert await reason(oidc, issuer.token(key=curve)) == "the token is not signed by its issuer"


async def test_a_shared_secret_that_an_issuer_publishes_is_no_key(oidc: Oidc, issuer: Issuer) -> None:
    secret = OctKey.import_key("x" * 32, {"kid": "oct"})
    issuer.more_keys = [secret.as_dict(), {"kty": "RSA"}, "no key", {"kty": "new", "kid": "new"}]
    token = jwt.encode({"alg": "HS256", "kid": "oct"}, issuer.claims(), secret, algorithms=["HS256"])
    assert "RS256" in await reason(oidc, token)
    assert isinstance(await oidc.read(issuer.token()), Believed)  # and it does not spoil the others


async def test_a_key_for_encryption_signs_nothing(oidc: Oidc, issuer: Issuer) -> None:
    issuer.rotate()
    issuer.more_keys = [{**rsa(1).as_dict(private=False), "use": "enc"}, {**rsa(2).as_dict(private=False)}]
    assert "does not publish" in await reason(oidc, issuer.token(key=rsa(1)))


@pytest.mark.parametrize(
    "text", ["", "a", "a.b", "a.b.c", "....", "é.é.é", f"{part({})}.W10.x", f"{part({})}..x", "a" * 20000]
)
async def test_what_is_no_token_is_refused(oidc: Oidc, issuer: Issuer, text: str) -> None:
    assert (await oidc.read(text)) == Unbelievable("this is no identity token")
    assert issuer.asked == []


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ({"alg": "RS256"}, "with which key"),
        ({"alg": "RS256", "kid": 1}, "with which key"),
        ({"alg": "RS256", "kid": "rsa-1", "crit": ["new"], "new": 1}, "not signed by its issuer"),
        ({"alg": ["RS256"], "kid": "rsa-1"}, "RS256 or ES256"),
    ],
)
async def test_a_good_signature_under_a_header_that_is_not_understood_is_refused(
    oidc: Oidc, issuer: Issuer, header: dict[str, object], why: str
) -> None:
    good = {"alg": "RS256", "kid": "rsa-1"}
    assert isinstance(await oidc.read(signed(good, issuer.claims(), rsa(1))), Believed)
    assert why in await reason(oidc, signed(header, issuer.claims(), rsa(1)))


async def test_keys_are_asked_for_once_also_by_many_at_the_same_time(oidc: Oidc, issuer: Issuer) -> None:
    tokens = [issuer.token() for _ in range(5)]
    assert all(isinstance(each, Believed) for each in await asyncio.gather(*(oidc.read(token) for token in tokens)))
    assert issuer.fetches == 1


async def test_a_new_key_is_found_at_once_and_the_old_one_is_believed_no_more(
    oidc: Oidc, issuer: Issuer, clock: Clock
) -> None:
    old = issuer.token()
    assert isinstance(await oidc.read(old), Believed)
    clock.now += 61
    issuer.rotate(rsa(2))
    assert isinstance(await oidc.read(issuer.token()), Believed)
    assert "does not publish" in await reason(oidc, old)
    assert issuer.fetches == 2


async def test_both_keys_are_believed_while_an_issuer_goes_from_one_to_the_other(oidc: Oidc, issuer: Issuer) -> None:
    issuer.rotate(rsa(1), rsa(2))
    for key in (rsa(1), rsa(2)):
        assert isinstance(await oidc.read(issuer.token(key=key)), Believed)
    assert issuer.fetches == 1


async def test_made_up_keys_make_us_ask_once_a_minute(oidc: Oidc, issuer: Issuer, clock: Clock) -> None:
    for second in range(120):
        assert "does not publish" in await reason(oidc, issuer.token(header={"kid": f"made-up-{second}"}))
        clock.now += 1
    assert issuer.fetches == 2


async def test_keys_that_were_withdrawn_are_forgotten_within_the_hour(oidc: Oidc, issuer: Issuer, clock: Clock) -> None:
    assert isinstance(await oidc.read(issuer.token()), Believed)
    issuer.rotate(rsa(2))
    clock.now += 3600
    assert "does not publish" in await reason(oidc, issuer.token(key=rsa(1)))


async def test_an_issuer_that_is_down_is_told_apart_and_asked_again_later(
    oidc: Oidc, issuer: Issuer, clock: Clock
) -> None:
    issuer.down = True
    assert isinstance(await oidc.read(issuer.token()), Down)
    assert isinstance(await oidc.read(issuer.token()), Down)
    assert len(issuer.asked) == 1
    issuer.down = False
    clock.now += 60
    assert isinstance(await oidc.read(issuer.token()), Believed)


async def test_an_issuer_that_goes_down_leaves_the_keys_that_it_gave_for_an_hour(
    oidc: Oidc, issuer: Issuer, clock: Clock
) -> None:
    assert isinstance(await oidc.read(issuer.token()), Believed)
    issuer.down = True
    clock.now += 61
    assert isinstance(await oidc.read(issuer.token(header={"kid": "new"})), Down)
    assert isinstance(await oidc.read(issuer.token()), Believed)
    clock.now += 3600
    assert isinstance(await oidc.read(issuer.token()), Down)


def another_name(issuer: Issuer) -> None:
    issuer.name = "https://evil.example"


def unsafe_keys(issuer: Issuer) -> None:
    issuer.keys_url = f"{GITHUB}/keys".replace("https", "http")


def no_address(issuer: Issuer) -> None:
    issuer.keys_url = None  # type: ignore[assignment]


def no_keys(issuer: Issuer) -> None:
    issuer.rotate()


def keys_away(issuer: Issuer) -> None:
    issuer.keys_down = True


@pytest.mark.parametrize("spoil", [another_name, unsafe_keys, no_address, no_keys, keys_away])
async def test_a_document_that_is_not_as_it_must_be_gives_no_keys(
    oidc: Oidc, issuer: Issuer, spoil: Callable[[Issuer], None]
) -> None:
    token = issuer.token()
    spoil(issuer)
    assert isinstance(await oidc.read(token), Down)
