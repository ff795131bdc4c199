import pytest

from loco_server.identity.base import Identity
from loco_server.policy import allowed
from loco_spec.errors import ImageRefused, NotAllowed

USERS = ("github:583231", "ann@acme.com")
OWNERS = ("github:65", "gitlab:7/70")
IMAGES = ("ghcr.io/acme", "docker.io/library/python", "localhost:5000")


@pytest.mark.parametrize(
    "identity",
    [
        Identity("github", "583231", "octocat"),
        Identity("google", "9", "ann", email="Ann@Acme.com"),
        Identity("local", "root", "root"),
    ],
)
def test_who_is_listed_by_number_or_address_signs_in_and_the_local_administrator(identity: Identity) -> None:
    allowed.user(USERS, identity)


@pytest.mark.parametrize(
    "identity",
    [
        Identity("google", "583231", "x"),  # the number is another provider's
        Identity("github", "58323", "x", email="bob@acme.com"),
        Identity("github", "1", "ann@acme.com"),  # a login name counts for nothing
        Identity("github", "2", "x", email="xann@acme.com"),
    ],
)
def test_anybody_else_is_told_the_id_that_the_operator_would_list(identity: Identity) -> None:
    with pytest.raises(NotAllowed) as error:
        allowed.user(USERS, identity)
    assert error.value.hint.endswith(f"{identity.provider}:{identity.subject}")
    allowed.user((), identity)


@pytest.mark.parametrize(("kind", "owner", "repository"), [("github", "65", "1"), ("gitlab", "7", "70")])
def test_a_repository_is_trusted_by_itself_or_by_its_owner(kind: str, owner: str, repository: str) -> None:
    allowed.repository(OWNERS, kind, owner, repository, "acme/shop")


@pytest.mark.parametrize(
    ("kind", "owner", "repository"),
    [("gitlab", "65", "1"), ("github", "7", "70"), ("gitlab", "7", "71"), ("github", "6", "5")],
)
def test_another_repository_is_refused_with_what_was_said_of_it(kind: str, owner: str, repository: str) -> None:
    with pytest.raises(NotAllowed) as error:
        allowed.repository(OWNERS, kind, owner, repository, "evil/shop")
    assert f"evil/shop ({kind}:{owner}/{repository})" in error.value.message
    assert not any(listed in error.value.message for listed in OWNERS if listed != f"{kind}:{owner}")
    allowed.repository((), kind, owner, repository, "evil/shop")


@pytest.mark.parametrize(
    "text",
    [
        "ghcr.io/acme/shop:1",
        "ghcr.io/acme",
        "GHCR.io/acme/deep/er",
        "python",
        "python:3.13",
        "index.docker.io/library/python",
        "docker.io/python@sha256:" + "a" * 64,
        "localhost:5000/anything",
    ],
)
def test_an_image_at_or_under_a_listed_one_is_taken(text: str) -> None:
    allowed.image(IMAGES, text)


@pytest.mark.parametrize(
    "text",
    ["ghcr.io/acmex/shop", "ghcr.io/evil/acme", "acme/shop", "python2", "localhost/x", "ghcr.io.evil.com/acme/x"],
)
def test_any_other_image_is_refused_with_those_that_are_listed(text: str) -> None:
    with pytest.raises(ImageRefused, match=r"ghcr\.io/acme, docker\.io/library/python, localhost:5000"):
        allowed.image(IMAGES, text)
    allowed.image((), text)
    allowed.image(IMAGES, None)
