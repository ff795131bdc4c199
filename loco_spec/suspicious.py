"""What is legal in loco.toml and most likely not meant: told as a warning, never refused."""

import re
from collections.abc import Iterator

from loco_spec.kinds.service import Service
from loco_spec.rules import Loc
from loco_spec.values import seconds

_SECRET_NAME = re.compile(
    r"(?:.*(?:PASSWORD|PASSWD|SECRET)"
    r"|(?:.*_)?(?:PASSPHRASE|PWD|TOKEN|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|SECRET_?KEY|CREDENTIALS?))"
    r"(?:_?(?:BASE)?\d*)?|DATABASE_URL|(?:.*_)?(?:DSN|WEBHOOK_URL)",
    re.IGNORECASE,
)
_NO_SECRET = re.compile(r".*_(?:FILE|PATH|NAME|TTL|EXPIRY|LENGTH|URL_PREFIX)", re.IGNORECASE)
_ASSIGNED = re.compile(r"""((?<![\w-])["']?([\w-]+)["']?\s*=\s*)("(?:[^"\\]|\\.)*"?|'[^']*'?|[^\s,{}\[\]#"']+)""")
_DOT = "\N{BULLET}"
_PASSWORD_IN_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@", re.IGNORECASE)


def looks_secret(name: str, value: str) -> bool:
    """Whether a variable is most likely a secret, by its name or because its value is a URL with a password."""
    if _PASSWORD_IN_URL.match(value):
        return True
    return bool(value) and _SECRET_NAME.fullmatch(name) is not None and _NO_SECRET.fullmatch(name) is None


def masked(line: str) -> str:
    """Give a line of loco.toml as it may be shown: as long as it is, without the values that look like secrets."""
    return _ASSIGNED.sub(lambda m: m[1] + (_DOT * len(m[3]) if looks_secret(m[2], m[3].strip("\"'")) else m[3]), line)


def found(app: Service) -> Iterator[tuple[Loc, str]]:
    """Give place and message of each warning."""
    for name, value in app.env.items():
        if looks_secret(name, value):
            yield ("env", name), "this looks like a secret, and does not belong here: use loco variables set"
    for name, value in app.build.args.items():
        if looks_secret(name, value):
            yield (
                ("build", "args", name),
                "this looks like a secret, and build arguments stay in the image: use --build-secret",
            )
    if seconds(app.deploy.timeout) < seconds(app.health.grace):
        yield ("deploy", "timeout"), f"shorter than health.grace, which is {app.health.grace}: a slow start fails early"
    if seconds(app.health.timeout) > seconds(app.health.interval):
        yield ("health", "timeout"), f"longer than health.interval, which is {app.health.interval}"
