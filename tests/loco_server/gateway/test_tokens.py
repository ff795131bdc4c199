import base64
import json
from pathlib import Path

from joserfc import jwt
from joserfc.jwk import ECKey

from loco_server import keys
from loco_server.gateway.tickets import Grant
from loco_server.gateway.tokens import AUDIENCE, ISSUER, Claims, RegistryTokens
from loco_server.settings import TokenTimes

GRANT = Grant("acme/shop-abcdefghij", ("push",), "abcdefghij-v1")


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def make(folder: Path, clock: Clock) -> RegistryTokens:
    return RegistryTokens(keys.signing_key(folder / "key.pem"), TokenTimes(), clock=clock)


def test_what_is_made_is_read_until_the_very_second_it_is_honoured_to(tmp_path: Path) -> None:
    clock = Clock()
    tokens = make(tmp_path, clock)
    text = tokens.make("abcdefghij-v1", GRANT, ("push",), issued_at=clock.now)
    said = Claims("abcdefghij-v1", GRANT.repository, ("push",), "abcdefghij-v1")
    assert tokens.read(text) == said
    clock.now += 299.9
    assert tokens.read(text) == said
    clock.now += 0.1
    assert tokens.read(text) is None


def test_a_shorter_setting_ends_older_tokens_too(tmp_path: Path) -> None:
    clock = Clock()
    text = make(tmp_path, clock).make("t", GRANT, ("push",), issued_at=clock.now)
    clock.now += 10
    short = RegistryTokens(keys.signing_key(tmp_path / "key.pem"), TokenTimes(5, 10), clock=clock)
    assert short.read(text) is None


def test_altered_foreign_and_unsigned_tokens_are_not_read(tmp_path: Path) -> None:
    clock = Clock()
    tokens = make(tmp_path, clock)
    text = tokens.make("t", GRANT, ("push",), issued_at=clock.now)
    head, body, signature = text.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    other = base64.urlsafe_b64encode(json.dumps(claims | {"repository": "rival/x"}).encode()).decode().rstrip("=")
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    stranger = make(tmp_path / "stranger", clock).make("t", GRANT, ("push",), issued_at=clock.now)
    for bad in (f"{head}.{other}.{signature}", f"{unsigned}.{body}.", stranger, "", "a.b.c", "ü"):
        assert tokens.read(bad) is None


def test_a_token_for_another_audience_or_without_its_claims_is_not_read(tmp_path: Path) -> None:
    clock = Clock()
    tokens = make(tmp_path, clock)
    key = ECKey.import_key(keys.signing_key(tmp_path / "key.pem"))
    good = {"iss": ISSUER, "aud": AUDIENCE, "iat": clock.now, "exp": clock.now + 100}
    for claims in (good | {"aud": "another"}, good | {"iss": "another"}, good, good | {"exp": "soon"}):
        assert tokens.read(jwt.encode({"alg": "ES256"}, claims, key, algorithms=["ES256"])) is None
