from pathlib import Path

import pytest

from loco_server.identity_settings import (
    ISSUERS,
    GitHubSettings,
    GoogleSettings,
    IdentitySettings,
    SignUp,
    identity_settings,
)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.touch(mode=0o600)
    path.write_text("the secret\n")
    return path


def test_nothing_is_configured_and_only_the_invited_sign_up_by_default() -> None:
    assert identity_settings({}) == IdentitySettings(None, None, SignUp("invited"), ISSUERS)


def test_github_is_on_with_its_clients_id() -> None:
    assert identity_settings({"LOCO_GITHUB_CLIENT_ID": "c"}).github == GitHubSettings("c")


def test_a_github_of_ones_own_has_its_api_under_its_own_host() -> None:
    given = {"LOCO_GITHUB_CLIENT_ID": "c", "LOCO_GITHUB_URL": "https://github.acme.com/"}
    found = GitHubSettings("c", "https://github.acme.com", "https://github.acme.com/api/v3")
    assert identity_settings(given).github == found
    other = identity_settings({**given, "LOCO_GITHUB_API_URL": "https://api.acme.com"}).github
    assert other == GitHubSettings("c", "https://github.acme.com", "https://api.acme.com")


def test_google_is_on_with_its_clients_id_and_secret_which_is_not_shown(secret: Path) -> None:
    given = {"LOCO_GOOGLE_CLIENT_ID": "c", "LOCO_GOOGLE_CLIENT_SECRET_FILE": str(secret)}
    found = identity_settings(given)
    assert found.google == GoogleSettings("c", "the secret")
    assert "the secret" not in repr(found)
    tested = identity_settings({**given, "LOCO_GOOGLE_URL": "http://127.0.0.1:9", "LOCO_GOOGLE_ISSUER": "https://i"})
    assert tested.google == GoogleSettings("c", "the secret", "http://127.0.0.1:9", "https://i")


def readable(path: Path) -> None:
    path.chmod(0o640)


def empty(path: Path) -> None:
    path.write_text(" \n")


def encoded(path: Path) -> None:
    path.write_bytes(b"the s\xe9cret")


@pytest.mark.parametrize("spoil", [readable, empty, encoded, Path.unlink])
def test_a_secret_that_others_can_read_or_that_is_none_stops_the_start(secret: Path, spoil: object) -> None:
    spoil(secret)  # type: ignore[operator]
    with pytest.raises(ValueError, match="LOCO_GOOGLE_CLIENT_SECRET_FILE") as found:
        identity_settings({"LOCO_GOOGLE_CLIENT_ID": "c", "LOCO_GOOGLE_CLIENT_SECRET_FILE": str(secret)})
    assert "xe9" not in str(found.value)


@pytest.mark.parametrize(
    ("others", "said"), [(0o077, "chmod 600$"), (0o007, "chmod 600, or defaultMode: 0440 for a Secret$")]
)
def test_what_a_secrets_mode_is_to_be_is_told_for_where_it_stands(secret: Path, others: int, said: str) -> None:
    secret.chmod(0o644)
    given = {"LOCO_GOOGLE_CLIENT_ID": "c", "LOCO_GOOGLE_CLIENT_SECRET_FILE": str(secret)}
    with pytest.raises(ValueError, match=said):
        identity_settings(given, others=others)


def test_the_sign_up_policy_is_one_of_four_with_its_list() -> None:
    assert identity_settings({"LOCO_SIGN_UP": "open"}).sign_up == SignUp("open")
    domains = {"LOCO_SIGN_UP": "domain", "LOCO_SIGN_UP_DOMAINS": "Acme.com, acme.org,"}
    assert identity_settings(domains).sign_up == SignUp("domain", domains=("acme.com", "acme.org"))
    organizations = {"LOCO_SIGN_UP": "organization", "LOCO_SIGN_UP_ORGANIZATIONS": "Acme,123"}
    assert identity_settings(organizations).sign_up == SignUp("organization", organizations=("acme", "123"))


def test_issuers_of_ones_own_stand_beside_the_public_ones() -> None:
    found = identity_settings({"LOCO_OIDC_ISSUERS": "gitlab=https://gitlab.acme.com/, github=https://g.acme.com"})
    assert found.issuers == {**ISSUERS, "https://gitlab.acme.com": "gitlab", "https://g.acme.com": "github"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOCO_SIGN_UP", "everybody"),
        ("LOCO_SIGN_UP", "domain"),
        ("LOCO_SIGN_UP", "organization"),
        ("LOCO_OIDC_ISSUERS", "https://gitlab.acme.com"),
        ("LOCO_OIDC_ISSUERS", "bitbucket=https://bitbucket.acme.com"),
        ("LOCO_OIDC_ISSUERS", "gitlab=http://gitlab.acme.com"),
        ("LOCO_OIDC_ISSUERS", "gitlab="),
        ("LOCO_OIDC_ISSUERS", "gitlab=https://[gitlab"),
        ("LOCO_GITHUB_URL", "http://github.acme.com"),
        ("LOCO_GITHUB_API_URL", "github.acme.com"),
        ("LOCO_GOOGLE_CLIENT_SECRET_FILE", ""),
    ],
)
def test_a_value_that_cannot_work_is_refused_by_the_variables_name(name: str, value: str) -> None:
    given = {"LOCO_GITHUB_CLIENT_ID": "c"} | ({"LOCO_GOOGLE_CLIENT_ID": "c"} if "GOOGLE" in name else {})
    with pytest.raises(ValueError, match=name):
        identity_settings({**given, name: value})


def test_lists_of_people_repositories_and_images_are_empty_unless_the_operator_has_some() -> None:
    found = identity_settings(
        {
            "LOCO_ALLOWED_USERS": "github:583231, google:115, Ann@acme.com,",
            "LOCO_ALLOWED_REPOSITORIES": "github:65,gitlab:7/70",
            "LOCO_ALLOWED_IMAGES": "ghcr.io/acme,docker.io,docker.io/library,docker.io/bitnami,"
            "index.docker.io/library/python,localhost:5000/x/x",
        }
    )
    assert found.sign_up.users == ("github:583231", "google:115", "ann@acme.com")
    assert found.allowed_repositories == ("github:65", "gitlab:7/70")
    assert found.allowed_images == (
        "ghcr.io/acme",
        "docker.io",
        "docker.io/library",
        "docker.io/bitnami",
        "docker.io/library/python",
        "localhost:5000/x/x",
    )
    for name in ("LOCO_ALLOWED_USERS", "LOCO_ALLOWED_REPOSITORIES", "LOCO_ALLOWED_IMAGES"):
        assert identity_settings({name: ""}) == identity_settings({})


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("LOCO_ALLOWED_USERS", "octocat", "change hands"),
        ("LOCO_ALLOWED_USERS", "github:octocat", "change hands"),
        ("LOCO_ALLOWED_USERS", "local:ann", "github:ID"),
        ("LOCO_ALLOWED_USERS", "ann@acme", "e-mail"),
        ("LOCO_ALLOWED_USERS", "github:1 github:2", "github:1 github:2"),
        ("LOCO_ALLOWED_USERS", " , ", "has ' '"),
        ("LOCO_ALLOWED_REPOSITORIES", "github:acme", "change hands"),
        ("LOCO_ALLOWED_REPOSITORIES", "github:65/shop", "github:65/shop"),
        ("LOCO_ALLOWED_REPOSITORIES", ",", "','"),
        ("LOCO_ALLOWED_IMAGES", ",", "','"),
        ("LOCO_ALLOWED_IMAGES", "python", "docker.io/library/python"),
        ("LOCO_ALLOWED_IMAGES", "acme/shop", "whole"),
        ("LOCO_ALLOWED_IMAGES", "ghcr.io/acme/shop:1", "ghcr.io/acme/shop:1"),
        ("LOCO_ALLOWED_IMAGES", "ghcr.io/acme/", "ghcr.io/acme/"),
        ("LOCO_ALLOWED_IMAGES", "https://ghcr.io/acme", "https"),
    ],
)
def test_an_entry_of_a_list_that_is_none_stops_the_start(name: str, value: str, said: str) -> None:
    with pytest.raises(ValueError, match=name) as error:
        identity_settings({name: value})
    assert said in str(error.value)
