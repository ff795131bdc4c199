"""What an image must be to run here: the rules that the CLI asks before a push, and the server after it. Pure.

The CLI spares the person a push that would be refused; what counts is what the server finds. `built` says whether the
image came from a Dockerfile or was named by `image`: what can be done about a refusal depends on it.
"""

from collections.abc import Sequence

from loco_spec.errors import Cause, Diagnosis, Fact, ImageRefused
from loco_spec.values import human_bytes

_LARGEST_ID = 2**31 - 1
_OWN_USER = "USER 10001:10001 in the Dockerfile, or user = 10001 under [security] in loco.toml"
_SMALLER = "make it smaller: a .dockerignore, a smaller base image, a multi-stage build"


def refusal(cause: Cause, message: str, hint: str, *evidence: tuple[str, str]) -> ImageRefused:
    """Give the error of a gate that says no; `evidence`: names and texts of what was found."""
    facts = tuple(Fact(name=name, text=text) for name, text in evidence)
    found = Diagnosis(phase="checking", seconds=0, cause=cause, message=message, hint=hint, evidence=facts)
    return ImageRefused(message, hint=hint, diagnosis=found)


def platform_name(os: str, architecture: str, variant: str | None) -> str:
    """Give `linux/amd64`. The variant counts where it tells machines apart: arm/v6 and arm/v7; arm64/v8 is arm64."""
    return "/".join((os, architecture, *([variant] if architecture == "arm" and variant else [])))


def platform(found: Sequence[str], wanted: str, *, built: bool) -> None:
    """Refuse an image that the platform's machines cannot run.

    Args:
        found: the image's platform; several of one that there is for several.
        wanted: what the apps run on.
        built: see above.

    Raises:
        ImageRefused: with the platforms.
    """
    if wanted in found:
        return
    there = ", ".join(found) or "no platform"
    raise refusal(
        "wrong-platform",
        f"the image is built for {there}, and the apps run on {wanted}",
        f'set platform = "{wanted}" under [build] in loco.toml and deploy again'
        if built
        else f"name an image in loco.toml that there is for {wanted}",
        ("the image is for", there),
        ("the apps run on", wanted),
    )


def named_user(user: str) -> str | None:
    """Give the user's name when the image names one instead of a number: only its /etc/passwd knows who that is."""
    return _name(user.partition(":")[0])


def named_group(user: str) -> str | None:
    """The same for the group behind the colon, which its /etc/group knows."""
    return _name(user.partition(":")[2])


def user_id(user: str, *, override: int | None, looked_up: int | None, built: bool) -> int:
    """Give the numeric user that the containers run as; never root.

    Args:
        user: as the image has it: "", "0", "app", "10001:10001".
        override: `[security] user`, which wins.
        looked_up: the number of a user whom the image names; None: it does not know them.
        built: see above.

    Raises:
        ImageRefused: the image runs as root, or its user is nowhere to be found.
    """
    if override is not None:
        return override
    name = named_user(user)
    uid = _checked(looked_up, of="user") if name else _number(user.partition(":")[0] or "0", of="user")
    if uid:
        return uid
    raise refusal(
        "user-missing" if uid is None else "runs-as-root",
        f'the image runs as user "{name}", whom its /etc/passwd does not know'
        if uid is None
        else "the image runs as root, and apps of several teams share this machine",
        "add USER 10001 as the Dockerfile's last but one line, or user = 10001 under [security] in loco.toml"
        if built
        else "write user = 10001 under [security] in loco.toml: the same image then runs as that user",
        ("USER of the image", user or "none, which is root"),
    )


def group_id(user: str, *, looked_up: int | None) -> int | None:
    """Give the numeric group that the containers run as; None where the image leaves it to its /etc/passwd.

    Raises:
        ImageRefused: its group is nowhere to be found.
    """
    text, name = user.partition(":")[2], named_group(user)
    if name and looked_up is None:
        message = f'the image runs as group "{name}", which its /etc/group does not know'
        raise refusal("user-missing", message, _OWN_USER, ("USER of the image", user))
    return _checked(looked_up, of="group") if name or not text else _number(text, of="group")


def _name(text: str) -> str | None:
    return None if not text or (text.isascii() and text.isdigit()) else text


def _checked(found: int | None, *, of: str) -> int | None:
    """An /etc/passwd can say any number too."""
    return None if found is None else _number(str(found), of=of)


def _number(text: str, *, of: str) -> int:
    if len(text) > 10 or int(text) > _LARGEST_ID:
        message = f"the image runs as {of} {text[:20]}, and {_LARGEST_ID} is the largest number there is"
        raise refusal("user-missing", message, _OWN_USER)
    return int(text)


def user_before_push(user: str, *, override: int | None, built: bool) -> None:
    """Refuse what is plainly root. Any other name passes here: the server looks it up in the image.

    Raises:
        ImageRefused: the image runs as root.
    """
    name = named_user(user)
    if name in {None, "root"}:
        user_id(user, override=override, looked_up=0, built=built)


def stored_size(found: int, limit: int) -> None:
    """Refuse an image whose layers are too large as the registry stores them.

    Raises:
        ImageRefused: with both sizes.
    """
    _size(found, limit, "compressed")


def unpacked_size(found: int, limit: int) -> None:
    """Refuse an image that takes too much of a disk once it is unpacked.

    Raises:
        ImageRefused: with both sizes.
    """
    _size(found, limit, "unpacked")


def _size(found: int, limit: int, how: str) -> None:
    if found > limit:
        message = f"the image is {human_bytes(found)} {how}; the limit is {human_bytes(limit)}"
        sizes = (f"{how} size", human_bytes(found)), ("limit", human_bytes(limit))
        raise refusal("image-too-large", message, _SMALLER, *sizes)
