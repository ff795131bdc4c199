"""An image that the engine cannot get."""

import re

from loco_server.engines.explaining.made import SAID, disk_full, made
from loco_spec.errors import Cause, Diagnosis

_ABOUT_TO = re.compile(
    r'rpc error: code = \w+ desc = |failed to (?:pull(?: and unpack)? image|resolve (?:reference|image)) "[^"]+": ',
    re.IGNORECASE,
)
"""A runtime says before the registry's words what it was about to do."""
_REFUSED = re.compile(r"unauthori[sz]ed|denied|forbidden|no basic auth|authentication required", re.IGNORECASE)
_GONE = re.compile(r"manifest unknown|name unknown|not found|has no such image", re.IGNORECASE)
_AWAY = re.compile(
    r"connection refused|connection reset|\bEOF\b|\b50[234]\b|unavailable|no such host|i/o timeout|deadline exceeded",
    re.IGNORECASE,
)
_PUSH = "run `loco deploy` again: it pushes the image anew"


def pull(version: str, registry: str, said: str) -> Diagnosis:
    """Explain it in the registry's own words, or in those of whatever stands before it."""
    text, cause = _ABOUT_TO.sub("", said).strip(), _cause_of(said)
    message, hint = f"the image of {version} cannot be pulled", _PUSH
    match cause:
        case "disk-full":
            return disk_full("pulling", f"the image of {version}", text)
        case "image-gone":
            message = f"the image of {version} is not in the registry"
        case "pull-refused":
            message = f"the registry does not let the engine have the image of {version}"
            hint = "run `loco deploy` again; if it stays, the operator looks at: loco-server admin check"
        case "registry-away":
            message = f"the registry did not answer: the image of {version} cannot be pulled"
            hint = "run `loco deploy` again in a moment; if it stays, the operator looks at the registry"
        case "wrong-platform":
            message = f"the image of {version} is for other machines than the platform's"
            hint = "set platform in [build] of loco.toml, then run `loco deploy`"
        case _:
            message = f"{message}: {text[:SAID]}"
    return made("pulling", cause, message, hint, ("registry", registry), ("its answer", text))


def _cause_of(said: str) -> Cause:
    if "no space left on device" in said:
        return "disk-full"
    if "no match for platform" in said or "no matching manifest" in said:
        return "wrong-platform"
    if _REFUSED.search(said):
        return "pull-refused"
    if _AWAY.search(said):
        return "registry-away"
    return "image-gone" if _GONE.search(said) else "pull-failed"


def pull_late(limit: float) -> Diagnosis:
    message = f"the image was not pulled within the {limit:g} s of the deployment"
    hint = "raise timeout in [deploy] of loco.toml, or make the image smaller"
    return made("pulling", "pull-timeout", message, hint, ("timeout", f"{limit:g} s"))
