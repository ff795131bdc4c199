"""The device flow as GitHub and as Google speak it, against a provider that keeps to RFC 8628 to the letter."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from loco_server.identity import device
from loco_server.identity.base import Denied, Disabled, Done, Down, Expired, Identity, Pending, Prompt, SlowDown, Wrong
from loco_server.identity.carried import Carrier
from loco_server.identity.device import DeviceFlow
from loco_server.identity.github import GitHub
from loco_server.identity.google import Google
from loco_server.identity.oidc import Oidc
from loco_server.identity_settings import GitHubSettings, GoogleSettings
from tests.loco_server.identity.strict_issuer import Issuer
from tests.loco_server.identity.strict_provider import GITHUB_ID, GOOGLE_ID, GOOGLE_SECRET, Clock, StrictProvider

pytestmark = pytest.mark.anyio

GOOGLE = "https://accounts.google.com"


class Both:
    """A provider, and our side of it."""

    def __init__(self, dialect: str, *, skew: float = 0) -> None:
        self.clock = Clock()
        theirs = self.clock.skewed(skew)
        self.provider = StrictProvider(dialect, theirs)
        self.issuer = Issuer(GOOGLE, clock=theirs)
        self.claims: dict[str, Any] = {"email": "ann@acme.com", "email_verified": True, "hd": "acme.com"}
        self.provider.identity_token = lambda client: self.issuer.token(**{"aud": client, "sub": "108", **self.claims})
        self.ours = self.another()

    def another(self, client_id: str | None = None, carrier: Carrier | None = None) -> DeviceFlow:
        """A server of its own, or one that is another client of the provider's."""
        if self.provider.dialect == "github":
            settings = GitHubSettings(client_id or GITHUB_ID)
            return GitHub(settings, transport=self.provider.transport, carrier=carrier, clock=self.clock)
        tokens = Oidc({GOOGLE: GOOGLE}, transport=self.issuer.transport, clock=self.clock, timer=self.clock)
        google = GoogleSettings(client_id or GOOGLE_ID, GOOGLE_SECRET)
        return Google(google, tokens=tokens, transport=self.provider.transport, carrier=carrier, clock=self.clock)

    async def begins(self, login: str = "a") -> str:
        """Give the user code."""
        prompt = await self.ours.start(login)
        assert isinstance(prompt, Prompt)
        assert prompt.user_code is not None
        return prompt.user_code

    async def polls(self, after: float = 5, login: str = "a") -> object:
        self.clock.now += after
        return await self.ours.finish(login, None)


@pytest.fixture(params=["github", "google"])
def both(request: pytest.FixtureRequest) -> Both:
    return Both(request.param)


async def test_the_person_gets_a_code_and_an_address_and_nobody_gets_the_device_code(both: Both) -> None:
    prompt = await both.ours.start("a")
    assert prompt == Prompt(
        expires_in=900, user_code="WDJB-0001", verification_uri="https://provider.example/device", interval=5
    )
    assert "device-1" not in repr(prompt)
    assert "device-1" not in repr(vars(both.ours))


async def test_until_the_person_confirms_it_is_pending_and_then_it_is_them(both: Both) -> None:
    code = await both.begins()
    assert await both.polls() == Pending(5)
    both.provider.confirm(code)
    found = await both.polls()
    assert isinstance(found, Done)
    assert found.identity.subject == {"github": "4711", "google": "108"}[both.provider.dialect]
    assert both.provider.polls == ["authorization_pending", "granted"]


async def test_a_sign_in_is_done_once(both: Both) -> None:
    both.provider.confirm(await both.begins())
    assert isinstance(await both.polls(), Done)
    assert await both.polls() == Expired()
    assert len(both.provider.polls) == 1


async def test_of_many_who_ask_at_the_same_time_one_is_let_in(both: Both) -> None:
    both.provider.confirm(await both.begins())
    both.clock.now += 5
    found = await asyncio.gather(*(both.ours.finish("a", None) for _ in range(8)))
    assert sum(isinstance(each, Done) for each in found) == 1
    assert both.provider.polls == ["granted"]


class Slow(httpx.AsyncBaseTransport):
    """A provider that thinks about each answer until it is let go on."""

    def __init__(self, inner: httpx.MockTransport) -> None:
        self.inner = inner
        self.asked = asyncio.Event()
        self.go_on = asyncio.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.set()
        await self.go_on.wait()
        return await self.inner.handle_async_request(request)


async def test_who_asks_again_while_the_provider_is_thinking_is_not_passed_on() -> None:
    both = Both("github")
    slow = Slow(both.provider.transport)
    both.ours = GitHub(GitHubSettings(GITHUB_ID), transport=slow, clock=both.clock)
    slow.go_on.set()
    both.provider.confirm(await both.begins())
    slow.go_on.clear()
    slow.asked.clear()
    both.clock.now += 5
    first = asyncio.create_task(both.ours.finish("a", None))
    await slow.asked.wait()
    both.clock.now += 900  # nor does the time end what is nearly done
    assert await both.ours.finish("a", None) == SlowDown(5)
    both.clock.now -= 900
    slow.go_on.set()
    assert isinstance(await first, Done)
    assert both.provider.polls == ["granted"]


async def test_who_asks_too_soon_is_told_to_slow_down_and_the_provider_is_not_asked(both: Both) -> None:
    await both.begins()
    assert await both.polls(after=4) == SlowDown(5)
    assert both.provider.polls == []
    assert await both.polls(after=1) == Pending(5)
    assert await both.polls(after=4.9) == SlowDown(5)
    assert both.provider.polls == ["authorization_pending"]


async def test_a_slow_down_of_the_providers_lengthens_the_interval_for_good(both: Both) -> None:
    code = await both.begins()
    both.provider.codes["device-1"].interval = 7  # it has changed its mind
    assert await both.polls() == SlowDown({"github": 12, "google": 10}[both.provider.dialect])
    both.provider.codes["device-1"].interval = 10
    assert await both.polls(after=9) == SlowDown({"github": 12, "google": 10}[both.provider.dialect])
    both.provider.confirm(code)
    assert isinstance(await both.polls(after=3), Done)
    assert both.provider.polls == ["slow_down", "granted"]


async def test_a_no_ends_it(both: Both) -> None:
    both.provider.deny(await both.begins())
    assert await both.polls() == Denied()
    assert await both.polls() == Expired()


async def test_a_code_that_nobody_typed_ends_with_its_time(both: Both) -> None:
    code = await both.begins()
    both.provider.confirm(code)
    assert await both.polls(after=900) == Expired()
    assert both.provider.polls == []


async def test_a_code_that_ends_at_the_provider_first_has_ended(both: Both) -> None:
    await both.begins()
    both.provider.codes["device-1"].ends_at -= 600
    assert await both.polls(after=600) == Expired()
    assert both.provider.polls == ["expired_token"]


async def test_a_device_code_that_another_client_got_is_refused(both: Both) -> None:
    both.provider.confirm(await both.begins())
    stranger = both.another("another-client")
    assert isinstance(await stranger.start("a"), Prompt)
    stranger._open["a"].device = both.ours._open["a"].device
    both.clock.now += 5
    assert await stranger.finish("a", None) == Wrong()
    assert isinstance(await both.ours.finish("a", None), Done)  # and it is not used up for who may have it


async def test_one_sign_in_says_nothing_of_another(both: Both) -> None:
    mine, theirs = await both.begins("a"), await both.begins("b")
    assert mine != theirs
    both.provider.confirm(theirs)
    assert await both.polls(login="a") == Pending(5)
    assert isinstance(await both.polls(login="b"), Done)


async def test_an_unknown_sign_in_asks_nobody(both: Both) -> None:
    assert await both.ours.finish("nothing", "device-1") == Expired()
    assert both.provider.polls == []


KEY = b"k" * 32
"""Of all servers of one installation."""


async def carried(both: Both) -> tuple[str, str]:
    """Begin a sign-in at one of several servers; give the id that the client has of it, and the user code."""
    both.ours = both.another(carrier=Carrier(KEY, clock=both.clock))
    prompt = await both.ours.start("a")
    assert isinstance(prompt, Prompt)
    assert prompt.login is not None
    assert prompt.user_code is not None
    assert "device-1" not in prompt.login
    return prompt.login, prompt.user_code


async def test_a_sign_in_that_one_server_has_begun_ends_at_another(both: Both) -> None:
    login, code = await carried(both)
    other = both.another(carrier=Carrier(KEY, clock=both.clock))
    both.clock.now += 5
    assert await other.finish(login, None) == Pending(5)
    assert await other.finish(login, None) == SlowDown(5)
    both.provider.confirm(code)
    assert await both.polls(login=login) != Pending(5)
    both.clock.now += 5
    assert isinstance(await other.finish(login, None), Expired | Wrong)  # it was used, and the provider knows


@pytest.mark.parametrize("how", ["altered", "another's", "bare", "another installation's", "too late"])
async def test_what_was_not_sealed_for_this_sign_in_asks_nobody(both: Both, how: str) -> None:
    login, code = await carried(both)
    both.provider.confirm(code)
    key = b"x" * 32 if how == "another installation's" else KEY
    other = both.another(carrier=Carrier(key, clock=both.clock))
    brought = {
        "altered": login[:-2] + ("AA" if login[-2:] != "AA" else "BB"),
        "another's": f"b{login.removeprefix('a')}",
        "bare": "a",
    }.get(how, login)
    both.clock.now += 900 if how == "too late" else 5
    assert await other.finish(brought, None) == Expired()
    assert both.provider.polls == []


async def test_one_machine_on_its_own_gives_nothing_away_to_be_carried(both: Both) -> None:
    prompt = await both.ours.start("a")
    assert isinstance(prompt, Prompt)
    assert prompt.login is None


@pytest.mark.parametrize("dialect", ["github", "google"])
@pytest.mark.parametrize("skew", [-60, 60])
async def test_a_provider_whose_clock_is_a_minute_off_is_understood(dialect: str, skew: float) -> None:
    both = Both(dialect, skew=skew)
    code = await both.begins()
    assert await both.polls() == Pending(5)
    both.provider.confirm(code)
    assert isinstance(await both.polls(), Done)


BROKEN: list[Callable[[], httpx.Response | Exception]] = [
    lambda: httpx.Response(503, text="<html>"),
    lambda: httpx.Response(429, json={"message": "slow"}),
    lambda: httpx.Response(200, text="<html>"),
    lambda: httpx.Response(200, json=["no object"]),
    lambda: httpx.Response(200, json={"something": "else"}),
    lambda: httpx.Response(302, headers={"location": "https://elsewhere.example"}, json={}),
    lambda: httpx.Response(200, content=b"[" + b"1," * (1 << 20)),
    lambda: httpx.ConnectError("refused"),
    lambda: httpx.ReadTimeout("slow"),
]


@pytest.mark.parametrize("broken", BROKEN)
async def test_a_provider_that_is_down_begins_nothing_and_ends_nothing(
    both: Both, broken: Callable[[], httpx.Response | Exception]
) -> None:
    both.provider.broken = broken()
    assert isinstance(await both.ours.start("a"), Down)
    both.provider.broken = None
    both.provider.confirm(await both.begins())
    both.provider.broken = broken()
    found = await both.polls()
    assert isinstance(found, Down)
    both.provider.broken = None
    assert isinstance(await both.polls(after=found.retry_after), Done)


async def test_a_provider_that_does_not_take_the_client_is_told_apart(both: Both) -> None:
    both.provider.disabled = True
    assert isinstance(await both.ours.start("a"), Disabled)


async def test_more_sign_ins_than_people_are_refused_until_old_ones_end(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "MOST_OPEN", 2)
    await both.begins("a")
    await both.begins("b")
    assert isinstance(await both.ours.start("c"), Down)
    both.clock.now += 900
    assert isinstance(await both.ours.start("c"), Prompt)


ANSWER = {"device_code": "d", "user_code": "u", "verification_uri": "https://p", "expires_in": 900}


async def test_a_provider_that_names_no_interval_is_asked_every_five_seconds(both: Both) -> None:
    both.provider.broken = httpx.Response(200, json=ANSWER)
    prompt = await both.ours.start("a")
    assert isinstance(prompt, Prompt)
    assert prompt.interval == 5


@pytest.mark.parametrize("field", list(ANSWER))
async def test_half_an_answer_is_no_code(both: Both, field: str) -> None:
    both.provider.broken = httpx.Response(200, json={**ANSWER, field: None})
    assert isinstance(await both.ours.start("a"), Down)


async def test_google_is_told_the_clients_secret_and_a_wrong_one_disables_it() -> None:
    both = Both("google")
    await both.begins()
    both.provider.codes["device-1"].state = "confirmed"
    wrong = Google(
        GoogleSettings(GOOGLE_ID, "wrong"),
        tokens=Oidc({GOOGLE: GOOGLE}, transport=both.issuer.transport, clock=both.clock),
        transport=both.provider.transport,
        clock=both.clock,
    )
    assert isinstance(await wrong.start("a"), Prompt)
    both.clock.now += 5
    assert await wrong.finish("a", None) == Disabled("Google says invalid_client")
    assert GOOGLE_SECRET not in repr(both.ours.__dict__)


async def test_google_says_when_there_are_too_many() -> None:
    both = Both("google")
    both.provider.broken = httpx.Response(403, json={"error_code": "rate_limit_exceeded"})
    assert isinstance(await both.ours.start("a"), Down)


async def googles(**claims: Any) -> object:
    both = Both("google")
    both.claims = claims
    both.provider.confirm(await both.begins())
    return await both.polls()


async def test_a_google_identity_is_its_subject_and_only_what_is_verified() -> None:
    assert await googles(email="ann@acme.com", email_verified=True, hd="Acme.com") == Done(
        Identity("google", "108", "ann", email="ann@acme.com", domain="acme.com")
    )
    assert await googles(email="ann@acme.com", email_verified=False, given_name="Ann") == Done(
        Identity("google", "108", "Ann")
    )
    # Whoever has had an address of a domain is not of the domain: only `hd` says so.
    assert await googles(email="ann@acme.com", email_verified=True) == Done(
        Identity("google", "108", "ann", email="ann@acme.com")
    )


@pytest.mark.parametrize(
    "claims", [{"aud": "another-client"}, {"sub": None}, {"iss": "https://evil.example"}, {"exp": 1}]
)
async def test_a_google_token_for_somebody_else_is_refused(claims: dict[str, object]) -> None:
    assert await googles(**claims) == Wrong()


async def test_google_keys_that_cannot_be_had_are_a_pause_and_not_an_end() -> None:
    both = Both("google")
    both.provider.confirm(await both.begins())
    both.issuer.down = True
    assert isinstance(await both.polls(), Down)
    both.issuer.down = False
    assert isinstance(await both.polls(after=61), Done)
    assert both.provider.polls == ["granted"]  # the code is used up; what it bought was kept


async def githubs(*, asks_organizations: bool = False, **changes: object) -> tuple[object, StrictProvider]:
    both = Both("github")
    for name, value in changes.items():
        setattr(both.provider, name, value)
    both.ours = GitHub(
        GitHubSettings(GITHUB_ID),
        organizations=asks_organizations,
        transport=both.provider.transport,
        clock=both.clock,
    )
    both.provider.confirm(await both.begins())
    return await both.polls(), both.provider


@pytest.mark.parametrize(
    ("emails", "email"),
    [
        ([{"email": "Ann@Acme.com", "primary": True, "verified": True}], "Ann@Acme.com"),
        ([{"email": "ann@acme.com", "primary": True, "verified": False}], None),
        ([{"email": "ann@acme.com", "primary": False, "verified": True}], None),
        ([{"email": "", "primary": True, "verified": True}], None),
        ([], None),
        (None, None),
    ],
)
async def test_a_github_identity_is_its_number_and_only_a_verified_primary_address(
    emails: object, email: str | None
) -> None:
    found, provider = await githubs(emails=emails)
    domain = "acme.com" if email else None
    assert found == Done(Identity("github", "4711", "Ann-Lee", email=email, domain=domain))
    assert provider.scopes == ["read:user user:email"]


async def test_github_organisations_are_asked_for_where_they_count_and_only_active_ones_do() -> None:
    def of(number: int, state: str = "active") -> dict[str, object]:
        return {"state": state, "organization": {"id": number, "login": f"Org-{number}"}}

    found, provider = await githubs(
        asks_organizations=True, organizations=[*(of(n) for n in range(150)), of(200, "pending")]
    )
    assert isinstance(found, Done)
    assert {"149", "org-149", "0"} <= found.identity.organizations
    assert "200" not in found.identity.organizations
    assert provider.scopes == ["read:user user:email read:org"]


async def test_a_github_api_that_is_down_after_the_code_was_used_is_asked_again() -> None:
    both = Both("github")
    both.provider.confirm(await both.begins())
    for status in (500, 403):
        both.provider.broken_api = status
        assert isinstance(await both.polls(after=10), Down)
    both.provider.broken_api = None
    assert isinstance(await both.polls(after=10), Done)
    assert both.provider.polls == ["granted"]


@pytest.mark.parametrize(("path", "status"), [("/user/emails", 502), ("/user/memberships", 502), ("/user/m", 403)])
async def test_half_of_what_github_knows_of_a_person_is_not_enough(path: str, status: int) -> None:
    found, provider = await githubs(asks_organizations=True, broken_api=status, broken_path=path)
    assert isinstance(found, Down)
    assert provider.polls == ["granted"]


async def test_a_github_that_does_not_know_the_client_is_told_apart() -> None:
    both = Both("github")
    both.provider.broken = httpx.Response(404, json={"error": "Not Found"})
    assert isinstance(await both.ours.start("a"), Disabled)
