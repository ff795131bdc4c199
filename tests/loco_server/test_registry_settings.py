"""What an operator says about the registry, and what is refused before anything starts."""

from pathlib import Path

import pytest

from loco_server import registries, seam
from loco_server.registry_settings import RegistrySettings, password, registry_settings


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text("s3cret\n")
    path.chmod(0o600)
    return path


def harbor(secret: Path, **changed: str) -> dict[str, str]:
    found = {
        "LOCO_REGISTRY": "harbor",
        "LOCO_REGISTRY_URL": "https://harbor.example.com/",
        "LOCO_REGISTRY_PREFIX": "platform",
        "LOCO_REGISTRY_USERNAME": "robot$platform+loco",
        "LOCO_REGISTRY_PASSWORD_FILE": str(secret),
    }
    return found | {f"LOCO_REGISTRY{name}": value for name, value in changed.items()}


def test_without_a_word_it_is_our_own_at_its_socket() -> None:
    assert registry_settings({}) == RegistrySettings("distribution", None, "", "", None)


def test_our_own_may_be_somewhere_else() -> None:
    found = registry_settings({"LOCO_REGISTRY_URL": "http://loco-registry.loco-system.svc:5000"})
    assert (found.member, found.url) == ("distribution", "http://loco-registry.loco-system.svc:5000")


def test_an_account_elsewhere_is_read_whole(secret: Path) -> None:
    found = registry_settings(harbor(secret))
    assert found == RegistrySettings("harbor", "https://harbor.example.com", "platform", "robot$platform+loco", secret)
    assert "s3cret" not in repr(found)
    assert password(secret) == "s3cret"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"": "docker-hub"}, "one of distribution, gitlab, harbor"),
        ({"_URL": ""}, "LOCO_REGISTRY_URL is not set"),
        ({"_PREFIX": ""}, "LOCO_REGISTRY_PREFIX is not set"),
        ({"_USERNAME": ""}, "LOCO_REGISTRY_USERNAME is not set"),
        ({"_PASSWORD_FILE": ""}, "LOCO_REGISTRY_PASSWORD_FILE is not set"),
        ({"_PASSWORD_FILE": "/nowhere/at/all"}, "cannot be read"),
        ({"_URL": "http://harbor.example.com"}, "not an https:// URL"),
        ({"_URL": "https://me:secret@harbor.example.com"}, "scheme, host and port alone"),
        ({"_URL": "https://example.com/harbor"}, "scheme, host and port alone"),
        ({"_URL": "https://harbor.example.com:port"}, "scheme, host and port alone"),
        ({"_URL": "https://[harbor"}, "LOCO_REGISTRY_URL is not a URL of scheme, host and port alone"),
        ({"_URL": "harbor.example.com"}, "scheme, host and port alone"),
        ({"_PREFIX": "Platform"}, "LOCO_REGISTRY_PREFIX is 'Platform'"),
        ({"_PREFIX": "a/../b"}, "LOCO_REGISTRY_PREFIX is"),
        ({"_PREFIX": "a" * 121}, "LOCO_REGISTRY_PREFIX is"),
        ({"_CA_FILE": "/nowhere/at/all"}, "LOCO_REGISTRY_CA_FILE: /nowhere/at/all holds no certificates"),
        ({"": "gitlab"}, "for gitlab it is its project's path: group/project"),
        ({"": "distribution"}, "takes no account"),
    ],
)
def test_what_cannot_work_is_refused_by_name(secret: Path, changed: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match="LOCO_REGISTRY") as found:
        registry_settings(harbor(secret, **changed))
    assert said in str(found.value)
    assert "s3cret" not in str(found.value)


@pytest.mark.parametrize(
    ("mode", "fine"), [(0o600, True), (0o400, True), (0o440, True), (0o644, False), (0o660, False)]
)
def test_the_secrets_file_is_for_the_server_and_at_the_most_its_group(secret: Path, mode: int, fine: bool) -> None:
    secret.chmod(mode)
    if fine:
        assert password(secret) == "s3cret"
    else:
        with pytest.raises(ValueError, match="chmod 600"):
            password(secret)


def test_an_empty_secret_is_none(secret: Path) -> None:
    secret.write_text("\n")
    with pytest.raises(ValueError, match="is empty"):
        password(secret)


@pytest.mark.parametrize("member", sorted(registries.MEMBERS))
def test_every_member_can_be_loaded_with_what_any_of_them_is_offered(member: str, secret: Path, tmp_path: Path) -> None:
    made = seam.load(registries.MEMBERS, member, seam="registry")
    found = made(
        url="https://registry.example.com",
        prefix="group/project",
        username="loco",
        password_file=secret,
        ca_file=None,
        socket=tmp_path / "socket",
        keys_dir=tmp_path / "keys",
    )
    assert found._url == "https://registry.example.com"


def test_a_secret_in_another_encoding_is_refused_by_name_and_no_byte_of_it_is_shown(secret: Path) -> None:
    secret.write_bytes(b"s3cr\xe9t\n")
    with pytest.raises(ValueError, match=f"^LOCO_REGISTRY_PASSWORD_FILE: {secret} is not a text in UTF-8$") as found:
        password(secret)
    assert found.value.__cause__ is None


def test_a_secret_that_others_can_read_is_told_with_what_to_set_for_a_file_and_for_a_secrets_volume(
    secret: Path,
) -> None:
    secret.chmod(0o644)
    with pytest.raises(ValueError, match=r"chmod 600, or defaultMode: 0440 for a Secret$"):
        password(secret)
