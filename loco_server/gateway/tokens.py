"""Registry tokens: JWTs that the server signs for itself (ES256). What one buys is decided in `decision.py`."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from loco_server.gateway.tickets import Grant
from loco_server.registries.base import Action
from loco_server.settings import TokenTimes

ISSUER = "loco"
AUDIENCE = "loco-registry-gateway"
_ALGORITHMS = ["ES256"]


@dataclass(frozen=True)
class Claims:
    """What a token says, its signature, issuer and age having been checked."""

    ticket: str
    """Whose ticket bought it: the username at the token endpoint."""
    repository: str
    actions: tuple[Action, ...]
    deployment_key: str


class RegistryTokens:
    """Makes and reads tokens. `clock` gives seconds since the epoch."""

    def __init__(
        self, key: ec.EllipticCurvePrivateKey, times: TokenTimes, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._key = ECKey.import_key(key)
        self.times = times
        self.clock = clock

    def make(self, ticket: str, grant: Grant, actions: tuple[Action, ...], *, issued_at: float) -> str:
        """Sign a token that is honoured for `times.honoured` seconds from `issued_at`."""
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": ticket,
            "repository": grant.repository,
            "actions": list(actions),
            "deployment": grant.deployment_key,
            "iat": int(issued_at),
            "exp": int(issued_at) + self.times.honoured,
        }
        return jwt.encode({"alg": "ES256", "typ": "JWT"}, claims, self._key, algorithms=_ALGORITHMS)

    def read(self, text: str) -> Claims | None:
        """Give what the token says; None for one that is not ours, altered, or too old by a second."""
        try:
            found = jwt.decode(text, self._key, algorithms=_ALGORITHMS).claims
            if found["iss"] != ISSUER or found["aud"] != AUDIENCE:
                return None
            if self.clock() >= min(found["exp"], found["iat"] + self.times.honoured):
                return None
            return Claims(
                ticket=found["sub"],
                repository=found["repository"],
                actions=tuple(found["actions"]),
                deployment_key=found["deployment"],
            )
        except (JoseError, ValueError, KeyError, TypeError):
            return None
