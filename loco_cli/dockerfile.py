"""What a Dockerfile says of the image that it makes: ports, user, command. For a guess, not for a build."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from io import BytesIO

_VARIABLE = re.compile(r"\$(?:\{(\w+)(?::?-([^}]*))?\}|(\w+))")
# Base images that run as somebody else already.
_ROOTLESS = re.compile(r"unprivileged|nonroot|rootless|chainguard|/ubi\d|bitnami")


@dataclass(frozen=True)
class Stage:
    base: str
    exposed: tuple[int, ...] = ()
    user: str | None = None
    command: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def runs_as_root(self) -> bool:
        """Whether nothing says that it does not."""
        if self.user is None:
            return _ROOTLESS.search(self.base) is None
        return self.user.partition(":")[0] in {"", "0", "root"}


def read(text: str, target: str | None = None) -> Stage:
    """Give the last stage, or the one that is named, with what it has from the stages that it stands on."""
    from dockerfile_parse import DockerfileParser

    stages: dict[str, Stage] = {}
    now = Stage("scratch")
    name = ""
    for item in DockerfileParser(fileobj=BytesIO(text.encode())).structure:
        value = str(item["value"])
        match str(item["instruction"]).upper():
            case "FROM":
                words = [word for word in value.split() if not word.startswith("--")]
                base = words[0] if words else ""
                name = words[2].lower() if len(words) > 2 and words[1].lower() == "as" else str(len(stages))
                now = stages.get(base.lower(), Stage(base))
            case "ENV" | "ARG":
                now = replace(now, environment={**now.environment, **_assignments(value, now.environment)})
            case "EXPOSE":
                now = replace(now, exposed=(*now.exposed, *_ports(_filled(value, now.environment))))
            case "USER":
                now = replace(now, user=_filled(value, now.environment).strip())
            case "CMD" | "ENTRYPOINT":
                now = replace(now, command=f"{now.command} {_command(_filled(value, now.environment))}")
        stages[name] = now
    return now if target is None else stages.get(target.lower(), now)


def _ports(value: str) -> list[int]:
    found = []
    for word in value.split():
        number, _, protocol = word.partition("/")
        if number.isdigit() and 0 < int(number) < 65536 and protocol.lower() in {"", "tcp"}:
            found.append(int(number))
    return found


def _assignments(value: str, known: Mapping[str, str]) -> dict[str, str]:
    """Read `A=1 B="2"`, and the old form `A 1`."""
    pairs = re.findall(r"(\w+)=(\"[^\"]*\"|'[^']*'|\S*)", value)
    if not pairs:
        name, _, rest = value.partition(" ")
        pairs = [(name, rest)] if rest else []
    return {name: _filled(text.strip("\"'"), known) for name, text in pairs}


def _filled(value: str, known: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda m: known.get(m[1] or m[3], m[2] or ""), value)


def _command(value: str) -> str:
    try:
        return " ".join(map(str, json.loads(value)))
    except (ValueError, TypeError):
        return value
