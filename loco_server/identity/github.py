"""GitHub, and a GitHub Enterprise Server. Its errors come with status 200; a person is their numeric id."""

import time
from collections.abc import Callable
from typing import Any

import httpx

from loco_server.identity.base import Disabled, Down, Identity, Outcome
from loco_server.identity.carried import Carrier
from loco_server.identity.device import DISABLED, GRANT, DeviceCode, DeviceFlow, Granted, device_code, poll_outcome
from loco_server.identity.outside import Outside
from loco_server.identity_settings import GitHubSettings

_PAGE = 100


class GitHub(DeviceFlow):
    """`organizations`: whether the sign-up policy has to know them; else the person is not asked to show them."""

    def __init__(
        self,
        settings: GitHubSettings,
        *,
        organizations: bool = False,
        transport: httpx.AsyncBaseTransport | None = None,
        carrier: Carrier | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(carrier=carrier, clock=clock)
        self._settings = settings
        self._organizations = organizations
        self._outside = Outside("GitHub", transport)

    async def begin(self) -> DeviceCode | Disabled | Down:
        scope = "read:user user:email" + (" read:org" if self._organizations else "")
        form = {"client_id": self._settings.client_id, "scope": scope}
        found = await self._outside.post(f"{self._settings.url}/login/device/code", form)
        if isinstance(found, Down):
            return found
        status, answer = found
        if not isinstance(answer, dict):
            return Down("GitHub answered with what is no device code")
        if answer.get("error") in DISABLED or status in {401, 404}:  # 404: it knows no such client
            return Disabled(f"GitHub says {answer.get('error', status)}")
        return device_code(answer, "GitHub")

    async def poll(self, device: DeviceCode, interval: int) -> Granted | Outcome:
        form = {"client_id": self._settings.client_id, "device_code": device.code, "grant_type": GRANT}
        found = await self._outside.post(f"{self._settings.url}/login/oauth/access_token", form)
        if isinstance(found, Down):
            return found
        return poll_outcome(found[1], "GitHub", member="access_token", interval=interval)

    async def who(self, granted: Granted) -> Identity | Outcome:
        found = await self._get("/user", granted)
        if isinstance(found, Down):
            return found
        status, user = found
        if status != 200 or not isinstance(user, dict) or not isinstance(user.get("id"), int):
            return Down(f"GitHub answered {status} when asked who it is")
        email = await self._email(granted)
        if isinstance(email, Down):
            return email
        organizations = await self._memberships(granted) if self._organizations else frozenset[str]()
        if isinstance(organizations, Down):
            return organizations
        return Identity(
            provider="github",
            subject=str(user["id"]),
            login=str(user.get("login") or "user"),
            email=email,
            domain=None if email is None else email.rpartition("@")[2].lower(),
            organizations=organizations,
        )

    async def _email(self, granted: Granted) -> str | Down | None:
        found = await self._get("/user/emails", granted)
        if isinstance(found, Down):
            return found
        status, emails = found
        if status != 200 or not isinstance(emails, list):
            return None  # not shown to us: then there is none
        for each in emails:
            if isinstance(each, dict) and each.get("primary") is True and each.get("verified") is True:
                return str(each["email"]) if each.get("email") else None
        return None

    async def _memberships(self, granted: Granted) -> frozenset[str] | Down:
        names: set[str] = set()
        for page in range(1, 11):
            path = f"/user/memberships/orgs?state=active&per_page={_PAGE}&page={page}"
            found = await self._get(path, granted)
            if isinstance(found, Down):
                return found
            status, items = found
            if status != 200 or not isinstance(items, list):
                return Down(f"GitHub answered {status} when asked for organisations")
            active = [item for item in items if item["state"] == "active"]  # an invitation that waits is no membership
            names |= {str(item["organization"][key]).lower() for item in active for key in ("id", "login")}
            if len(items) < _PAGE:
                break
        return frozenset(names)

    async def _get(self, path: str, granted: Granted) -> tuple[int, Any] | Down:
        return await self._outside.get(f"{self._settings.api_url}{path}", token=granted.token)
