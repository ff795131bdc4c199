"""A strict provider of the device flow (RFC 8628), in process, as GitHub or as Google speaks it.

It refuses who polls faster than the interval, keeps codes to the client that got them, gives each out once, and ends
them in time.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import httpx

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
GITHUB_ID = "github-client"
GOOGLE_ID = "google-client.apps.example.com"
GOOGLE_SECRET = "the client's secret"
PENDING, CONFIRMED, DENIED, USED = "pending", "confirmed", "denied", "used"


class Clock:
    """Seconds, the same ones for both sides; each side may be off by a `skew` of its own."""

    def __init__(self, now: float = 2_000_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def skewed(self, skew: float) -> Callable[[], float]:
        return lambda: self.now + skew


@dataclass
class Code:
    client_id: str
    user_code: str
    ends_at: float
    interval: int
    polled_at: float
    state: str = PENDING


@dataclass
class StrictProvider:
    dialect: str
    clock: Callable[[], float]
    expires_in: int = 900
    interval: int = 5
    codes: dict[str, Code] = field(default_factory=dict)
    polls: list[str] = field(default_factory=list)
    """What each poll was answered with."""
    user: dict[str, Any] = field(default_factory=lambda: {"id": 4711, "login": "Ann-Lee"})
    emails: Any = field(default_factory=list)
    organizations: list[dict[str, Any]] = field(default_factory=list)
    identity_token: Callable[[str], str] = str
    broken: httpx.Response | Exception | None = None
    """What every request is answered with instead."""
    broken_api: int | None = None
    broken_path: str = "/"
    """What of the API `broken_api` is about: everything under it."""
    disabled: bool = False
    scopes: list[str] = field(default_factory=list)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))
    _tokens: set[str] = field(default_factory=set)

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self.answer)

    def confirm(self, user_code: str) -> None:
        self._of(user_code).state = CONFIRMED

    def deny(self, user_code: str) -> None:
        self._of(user_code).state = DENIED

    def answer(self, request: httpx.Request) -> httpx.Response:
        if isinstance(self.broken, Exception):
            raise self.broken
        if self.broken is not None:
            return self.broken
        assert request.headers["accept"] == "application/json"
        if request.method == "GET":
            return self._api(request)
        assert request.headers["content-type"] == "application/x-www-form-urlencoded"
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        if str(request.url) in {"https://github.com/login/device/code", "https://oauth2.googleapis.com/device/code"}:
            return self._begin(form)
        assert str(request.url) in {
            "https://github.com/login/oauth/access_token",
            "https://oauth2.googleapis.com/token",
        }
        error = self._poll_error(form)
        self.polls.append(error or "granted")
        return self._refused(error, form) if error else self._granted(form)

    def _begin(self, form: dict[str, str]) -> httpx.Response:
        if self.disabled:
            status = 400 if self.dialect == "github" else 401
            error = "device_flow_disabled" if self.dialect == "github" else "invalid_client"
            return httpx.Response(status, json={"error": error})
        number = next(self._numbers)
        self.scopes.append(form["scope"])
        code = Code(form["client_id"], f"WDJB-{number:04}", self.clock() + self.expires_in, self.interval, self.clock())
        self.codes[f"device-{number}"] = code
        uri = "verification_uri" if self.dialect == "github" else "verification_url"
        return httpx.Response(
            200,
            json={
                "device_code": f"device-{number}",
                "user_code": code.user_code,
                uri: "https://provider.example/device",
                "expires_in": self.expires_in,
                "interval": self.interval,
            },
        )

    def _poll_error(self, form: dict[str, str]) -> str | None:
        if form.get("grant_type") != GRANT:
            return "unsupported_grant_type"
        if self.dialect == "google" and form.get("client_secret") != GOOGLE_SECRET:
            return "invalid_client"
        code = self.codes.get(form.get("device_code", ""))
        if code is None or code.client_id != form.get("client_id") or code.state == USED:
            return "incorrect_device_code" if self.dialect == "github" else "invalid_grant"
        early = self.clock() < code.polled_at + code.interval
        code.polled_at = self.clock()
        if self.clock() >= code.ends_at:
            return "expired_token"
        if early:
            code.interval += 5
            return "slow_down"
        if code.state == DENIED:
            return "access_denied"
        if code.state == PENDING:
            return "authorization_pending"
        code.state = USED
        return None

    def _refused(self, error: str, form: dict[str, str]) -> httpx.Response:
        body: dict[str, Any] = {"error": error}
        if self.dialect == "github":
            if error == "slow_down":
                body["interval"] = self.codes[form["device_code"]].interval
            return httpx.Response(200, json=body)
        statuses = {"authorization_pending": 428, "slow_down": 403, "access_denied": 403, "invalid_client": 401}
        return httpx.Response(statuses.get(error, 400), json=body)

    def _granted(self, form: dict[str, str]) -> httpx.Response:
        if self.dialect == "google":
            token = self.identity_token(form["client_id"])
            return httpx.Response(200, json={"access_token": "ya29.secret", "id_token": token, "expires_in": 3599})
        token = f"gho_{form['device_code']}"
        self._tokens.add(token)
        return httpx.Response(200, json={"access_token": token, "token_type": "bearer", "scope": ""})

    def _api(self, request: httpx.Request) -> httpx.Response:
        if self.broken_api is not None and request.url.path.startswith(self.broken_path):
            return httpx.Response(self.broken_api, json={"message": "no"})
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self._tokens:
            return httpx.Response(401, json={"message": "Bad credentials"})
        path = request.url.path
        if path == "/user/memberships/orgs":
            page, size = int(request.url.params["page"]), int(request.url.params["per_page"])
            return httpx.Response(200, json=self.organizations[(page - 1) * size : page * size])
        if path == "/user/emails" and self.emails is None:
            return httpx.Response(404, json={"message": "Not Found"})
        return httpx.Response(200, json={"/user": self.user, "/user/emails": self.emails}[path])

    def _of(self, user_code: str) -> Code:
        return next(code for code in self.codes.values() if code.user_code == user_code)
