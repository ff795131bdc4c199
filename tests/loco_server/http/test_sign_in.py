"""Signing in by a provider, through the API: every outcome, who may sign up, and what stays on the server."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from loco_server.identity.github import GitHub
from loco_server.identity_settings import GitHubSettings, IdentitySettings, SignUp
from loco_server.records.tables import USERS
from loco_server.records.values import UserRecord
from loco_spec.errors import (
    NotAllowed,
    NotSignedIn,
    ProviderDown,
    SignInDenied,
    SignInDisabled,
    SignInExpired,
    SignInPending,
    SignInSlowDown,
    UsageError,
)
from tests.loco_server.http.api import Api, Outside, refused, running
from tests.loco_server.identity.strict_provider import GITHUB_ID, Clock, StrictProvider
from tests.loco_server.records.databases import Records

pytestmark = pytest.mark.anyio


class Codes:
    """Invitations, as the records keep them: each is used once."""

    def __init__(self) -> None:
        self.good = {"the code": "invitation"}
        self.came: list[tuple[str, str]] = []

    async def claim(self, code: str) -> str | None:
        return self.good.pop(code, None)

    async def fulfil(self, invitation: str, user: UserRecord) -> None:
        self.came.append((invitation, user.login))


class Scene:
    """A server with one provider, and somebody in front of a browser."""

    def __init__(self, api: Api, nobody: httpx.AsyncClient, provider: StrictProvider, clock: Clock) -> None:
        self.api = api
        self.nobody = nobody
        self.provider = provider
        self.clock = clock

    async def begins(self) -> tuple[str, str]:
        """Give the sign-in and the code for the person."""
        answer = await self.nobody.post("/v1/login", json={"provider": "github"})
        assert answer.status_code == 200, answer.text
        assert "device-" not in answer.text
        prompt = answer.json()
        assert (prompt["interval"], prompt["verification_uri"]) == (5, "https://provider.example/device")
        return prompt["login"], prompt["user_code"]

    async def polls(self, login: str, after: float = 5, **body: Any) -> httpx.Response:
        self.clock.now += after
        return await self.nobody.post(f"/v1/login/{login}", json=body)

    async def signs_in(self, **body: Any) -> httpx.Response:
        login, code = await self.begins()
        self.provider.confirm(code)
        return await self.polls(login, **body)


@pytest.fixture
def sign_up(request: pytest.FixtureRequest) -> SignUp:
    found = getattr(request, "param", SignUp("open"))
    assert isinstance(found, SignUp)
    return found


@pytest.fixture
def codes() -> Codes:
    return Codes()


@pytest.fixture
async def scene(records: Records, tmp_path: Path, sign_up: SignUp, codes: Codes) -> AsyncIterator[Scene]:
    clock = Clock()
    provider = StrictProvider("github", clock)
    provider.emails = [{"email": "ann@acme.com", "primary": True, "verified": True}]
    github = GitHub(GitHubSettings(GITHUB_ID), organizations=True, transport=provider.transport, clock=clock.skewed(0))
    outside = Outside(providers={"github": github}, invitations=codes)
    async with running(records, tmp_path, outside=outside, identity=IdentitySettings(sign_up=sign_up)) as api:
        yield Scene(api, await api.client(None), provider, clock)


async def test_who_confirms_at_the_provider_gets_a_session_and_no_token_of_the_providers(scene: Scene) -> None:
    login, code = await scene.begins()
    pending = await scene.polls(login)
    assert type(refused(pending)) is SignInPending
    assert pending.headers["retry-after"] == "5"
    scene.provider.confirm(code)
    answer = await scene.polls(login)
    assert answer.status_code == 200
    assert answer.json()["me"]["user"] == "ann-lee"
    assert "gho_" not in answer.text
    token = answer.json()["token"]
    me = await scene.nobody.get("/v1/me", headers={"authorization": f"Bearer {token}"})
    assert me.json()["default_team"] == "ann-lee"


async def test_only_a_verified_address_is_kept_and_a_new_one_replaces_it(scene: Scene) -> None:
    async def kept() -> str | None:
        async with scene.api.records.database.read() as db:
            return await db.scalar(select(USERS.c.email).where(USERS.c.login == "ann-lee"))

    assert (await scene.signs_in()).status_code == 200
    assert await kept() == "ann@acme.com"
    scene.provider.emails = [{"email": "eve@acme.com", "primary": True, "verified": False}]
    assert (await scene.signs_in()).status_code == 200
    assert await kept() == "ann@acme.com"
    scene.provider.emails = [{"email": "ann@acme.org", "primary": True, "verified": True}]
    assert (await scene.signs_in()).status_code == 200
    assert await kept() == "ann@acme.org"


async def test_a_person_is_their_number_under_whatever_name(scene: Scene) -> None:
    first = (await scene.signs_in()).json()["me"]["user"]
    scene.provider.user = {"id": 4711, "login": "renamed"}
    assert (await scene.signs_in()).json()["me"]["user"] == first
    scene.provider.user = {"id": 4712, "login": "Ann-Lee"}  # the name became somebody else's
    assert (await scene.signs_in()).json()["me"]["user"] == "ann-lee-2"


async def test_every_outcome_has_its_own_error(scene: Scene) -> None:
    login, code = await scene.begins()
    early = refused(await scene.polls(login, after=1))
    assert (type(early), early.retry_after) == (SignInSlowDown, 5)
    scene.provider.broken = httpx.Response(502)
    down = refused(await scene.polls(login))
    assert (type(down), down.retry_after) == (ProviderDown, 10)
    scene.provider.broken = None
    scene.provider.deny(code)
    assert type(refused(await scene.polls(login, after=10))) is SignInDenied
    assert type(refused(await scene.polls(login))) is SignInExpired
    scene.provider.disabled = True
    assert type(refused(await scene.nobody.post("/v1/login", json={"provider": "github"}))) is SignInDisabled


async def test_a_wrong_proof_is_not_signed_in(scene: Scene) -> None:
    prompt = (await scene.nobody.post("/v1/login", json={"provider": "local"})).json()
    assert type(refused(await scene.polls(prompt["login"], proof="wrong"))) is NotSignedIn


async def test_a_sign_in_of_a_provider_that_is_not_there_is_over(scene: Scene) -> None:
    assert type(refused(await scene.polls("google-aaaaaaaaaa"))) is SignInExpired
    assert isinstance(refused(await scene.nobody.post("/v1/login", json={"provider": "google"})), UsageError)


async def test_the_server_tells_how_one_can_sign_in(scene: Scene) -> None:
    assert (await scene.nobody.get("/v1/server")).json()["providers"] == ["local", "github"]


@pytest.mark.parametrize(
    "sign_up",
    [SignUp(), SignUp("domain", domains=("acme.org",)), SignUp("organization", organizations=("acme",))],
    indirect=True,
)
async def test_who_may_not_sign_up_leaves_no_trace_and_who_is_here_gets_in(scene: Scene, codes: Codes) -> None:
    assert isinstance(refused(await scene.signs_in()), NotAllowed)
    assert await scene.api.records.people.known("github", "4711") is None
    assert isinstance(refused(await scene.signs_in(invitation="made up")), NotAllowed)
    assert (await scene.signs_in(invitation="the code")).json()["me"]["user"] == "ann-lee"
    assert codes.came == [("invitation", "ann-lee")]
    assert (await scene.signs_in()).status_code == 200
    scene.provider.user = {"id": 4712, "login": "bob"}
    used = refused(await scene.signs_in(invitation="the code"))
    assert used.message == "the invitation is not good: used, over time, or mistyped"


@pytest.mark.parametrize(
    "sign_up", [SignUp("domain", domains=("acme.com",)), SignUp("organization", organizations=("77",))], indirect=True
)
async def test_who_fits_the_policy_signs_up_without_an_invitation(scene: Scene, codes: Codes) -> None:
    scene.provider.organizations = [{"state": "active", "organization": {"id": 77, "login": "acme"}}]
    assert (await scene.signs_in()).status_code == 200
    assert codes.came == []


async def test_a_suspended_person_never_gets_in_and_is_told_why(scene: Scene) -> None:
    assert (await scene.signs_in()).status_code == 200
    async with scene.api.records.database.write() as db:
        await db.execute(update(USERS).values(suspended_at=datetime.now(UTC), suspended_reason="mined coins"))
    error = refused(await scene.signs_in())
    assert isinstance(error, NotAllowed)
    assert "mined coins" in error.message


@pytest.mark.parametrize("sign_up", [SignUp("open", users=("github:1", "bob@acme.com"))], indirect=True)
async def test_where_people_are_listed_nobody_else_signs_in_with_an_account_neither(scene: Scene, codes: Codes) -> None:
    async with scene.api.records.database.read() as db:
        before = (await db.execute(select(USERS))).all()
    for invitation in (None, "the code"):
        error = refused(await scene.signs_in(invitation=invitation))
        assert isinstance(error, NotAllowed)
        assert "github:4711" in error.hint
    async with scene.api.records.database.read() as db:
        assert (await db.execute(select(USERS))).all() == before
    assert codes.good
    await scene.api.records.people.signed_in("github", "4711", "ann-lee")  # an account from before there was a list
    assert isinstance(refused(await scene.signs_in()), NotAllowed)
    scene.provider.emails = [{"email": "Bob@acme.com", "primary": True, "verified": True}]
    assert (await scene.signs_in()).status_code == 200
    scene.provider.emails = [{"email": "bob@acme.com", "primary": True, "verified": False}]
    assert isinstance(refused(await scene.signs_in()), NotAllowed)
    scene.provider.user = {"id": 1, "login": "whoever"}
    assert (await scene.signs_in()).status_code == 200
