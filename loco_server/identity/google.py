"""Google. Its errors come with statuses (428, 403, 400); a person is the `sub` of an identity token for our client."""

import time
from collections.abc import Callable

import httpx

from loco_server.identity.base import Disabled, Down, Identity, IdentityTokens, Outcome, Unbelievable, Wrong
from loco_server.identity.carried import Carrier
from loco_server.identity.device import DISABLED, GRANT, DeviceCode, DeviceFlow, Granted, device_code, poll_outcome
from loco_server.identity.outside import Outside
from loco_server.identity_settings import GoogleSettings


class Google(DeviceFlow):
    """`tokens` reads identity tokens of Google's issuer and no other."""

    def __init__(
        self,
        settings: GoogleSettings,
        *,
        tokens: IdentityTokens,
        transport: httpx.AsyncBaseTransport | None = None,
        carrier: Carrier | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(carrier=carrier, clock=clock)
        self._settings = settings
        self._tokens = tokens
        self._outside = Outside("Google", transport)

    async def begin(self) -> DeviceCode | Disabled | Down:
        form = {"client_id": self._settings.client_id, "scope": "openid email profile"}
        found = await self._outside.post(f"{self._settings.url}/device/code", form)
        if isinstance(found, Down):
            return found
        status, answer = found
        if not isinstance(answer, dict):
            return Down("Google answered with what is no device code")
        if answer.get("error") in DISABLED:
            return Disabled(f"Google says {answer['error']}")
        if answer.get("error_code") == "rate_limit_exceeded":
            return Down(f"Google answered {status}: too many sign-ins", retry_after=60)
        # Google has named it so since before the RFC; the RFC's own name is taken too.
        uri = "verification_url" if "verification_url" in answer else "verification_uri"
        return device_code(answer, "Google", uri=uri)

    async def poll(self, device: DeviceCode, interval: int) -> Granted | Outcome:
        form = {
            "client_id": self._settings.client_id,
            "client_secret": self._settings.client_secret,
            "device_code": device.code,
            "grant_type": GRANT,
        }
        found = await self._outside.post(f"{self._settings.url}/token", form)
        if isinstance(found, Down):
            return found
        return poll_outcome(found[1], "Google", member="id_token", interval=interval)

    async def who(self, granted: Granted) -> Identity | Outcome:
        found = await self._tokens.read(granted.token)
        if isinstance(found, Down):
            return found
        if isinstance(found, Unbelievable) or found.claims.get("aud") != self._settings.client_id:
            return Wrong()  # a token for somebody else's client says nothing here
        claims = found.claims
        if not isinstance(claims.get("sub"), str):
            return Wrong()
        verified = claims.get("email_verified") is True and isinstance(claims.get("email"), str)
        email = str(claims["email"]) if verified else None
        hosted = claims.get("hd")
        return Identity(
            provider="google",
            subject=claims["sub"],
            login=email.partition("@")[0] if email else str(claims.get("given_name") or "user"),
            email=email,
            # An address of a domain may be anybody's who once had it; `hd` says that the domain's owner manages it.
            domain=hosted.lower() if isinstance(hosted, str) and hosted else None,
        )
