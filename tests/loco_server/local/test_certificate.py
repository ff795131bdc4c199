"""The certificate of a public machine: what will do, what will not, and how a new one is taken over."""

import asyncio
import json
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from loco_server.local import certificate as module
from loco_server.local import folder
from loco_server.local.certificate import Certificate
from loco_server.settings import Public, Settings
from loco_spec.errors import UsageError
from tests.certificates import Authority, Pair

pytestmark = pytest.mark.anyio

NAMES = ("*.apps.example.com",)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    public = Public(certificate=tmp_path / "cert.pem", key=tmp_path / "key.pem")
    found = Settings(data_dir=tmp_path / "data", domain="apps.example.com", public=public)
    folder.make(found)
    return found


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def certificate(settings: Settings, said: list[str]) -> Certificate:
    return Certificate(settings, say=said.append)


def handed(certificate: Certificate) -> Pair:
    """What Envoy reads."""
    [resource] = json.loads((certificate.watched / "secret.json").read_text())["resources"]
    found = resource["tls_certificate"]
    return Pair(*(found[name]["inline_string"].encode() for name in ("certificate_chain", "private_key")))


def test_a_good_pair_is_handed_over_for_the_servers_user_alone(
    certificate: Certificate, authority: Authority, tmp_path: Path, said: list[str]
) -> None:
    pair = authority.pair(*NAMES)
    pair.write(tmp_path)
    certificate.load()
    assert handed(certificate) == pair
    path = certificate.watched / "secret.json"
    assert (stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(path.parent.stat().st_mode)) == (0o600, 0o700)
    assert said == []


def test_a_name_each_is_as_good_as_a_wildcard(certificate: Certificate, authority: Authority, tmp_path: Path) -> None:
    authority.pair("API.apps.example.com", "registry.apps.example.com", "*.apps.example.com").write(tmp_path)
    certificate.load()


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        (("apps.example.com",), "api.apps.example.com, registry.apps.example.com, *.apps.example.com"),
        (("api.apps.example.com", "registry.apps.example.com"), "*.apps.example.com"),
        (("*.example.com",), "api.apps.example.com, registry.apps.example.com, *.apps.example.com"),
        ((), "api.apps.example.com, registry.apps.example.com, *.apps.example.com"),
    ],
)
def test_a_certificate_for_other_names_is_refused_with_those_that_it_lacks(
    certificate: Certificate, authority: Authority, tmp_path: Path, names: tuple[str, ...], missing: str
) -> None:
    authority.pair(*names).write(tmp_path)
    with pytest.raises(UsageError) as refused:
        certificate.load()
    assert refused.value.message == f"{tmp_path}/cert.pem is not good for {missing}"
    assert not (certificate.watched / "secret.json").exists()


@pytest.mark.parametrize(("begins", "ends"), [(-2 * DAY, -DAY), (DAY, 2 * DAY)])
def test_a_certificate_of_another_time_is_refused(
    certificate: Certificate, authority: Authority, tmp_path: Path, begins: timedelta, ends: timedelta
) -> None:
    authority.pair(*NAMES, begins=begins, ends=ends).write(tmp_path)
    with pytest.raises(UsageError, match="and not now"):
        certificate.load()


def test_one_that_ends_soon_is_warned_of(
    certificate: Certificate, authority: Authority, tmp_path: Path, said: list[str]
) -> None:
    authority.pair(*NAMES, ends=5 * DAY).write(tmp_path)
    certificate.load()
    [warning] = said
    assert warning.startswith("the certificate ends on ")


def test_a_key_of_another_pair_is_refused(certificate: Certificate, authority: Authority, tmp_path: Path) -> None:
    authority.pair(*NAMES).write(tmp_path)
    (tmp_path / "key.pem").write_bytes(authority.pair(*NAMES).key)
    with pytest.raises(UsageError, match="the key is not that of"):
        certificate.load()


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("cert.pem", b"", "cert.pem is no certificate in PEM that can be used"),
        (
            "cert.pem",
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "no certificate in PEM that can be used",
        ),
        ("key.pem", b"sesame", "the key is none in PEM"),
        ("key.pem", b"\xff\xfe", "the key is none in PEM"),
    ],
)
def test_what_is_no_pem_is_refused_and_no_piece_of_it_shown(
    certificate: Certificate, authority: Authority, tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    authority.pair(*NAMES).write(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError) as refused:
        certificate.load()
    assert says in refused.value.message
    assert "sesame" not in refused.value.message


@pytest.mark.parametrize("name", ["cert.pem", "key.pem"])
def test_a_file_that_is_not_there_is_named(
    certificate: Certificate, authority: Authority, tmp_path: Path, name: str
) -> None:
    authority.pair(*NAMES).write(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(UsageError, match=f"{name} cannot be read: No such file"):
        certificate.load()


def test_a_renewal_is_taken_over_once_both_files_are_there(
    certificate: Certificate, authority: Authority, tmp_path: Path, said: list[str]
) -> None:
    first, second = authority.pair(*NAMES), authority.pair(*NAMES, ends=60 * DAY)
    first.write(tmp_path)
    certificate.load()
    certificate.look()
    assert said == []
    (tmp_path / "cert.pem").write_bytes(second.certificate)
    for _ in range(2):  # told once
        certificate.look()
    assert len(said) == 1
    assert "the certificate stays as it is: the key is not that of" in said[0]
    assert handed(certificate) == first
    second.write(tmp_path)
    certificate.look()
    assert said[1].startswith("the certificate is a new one, good until ")
    assert handed(certificate) == second


def test_a_certificate_whose_parts_make_no_sense_is_refused_like_any_other(
    certificate: Certificate, authority: Authority, tmp_path: Path, said: list[str]
) -> None:
    authority.pair(*NAMES).write(tmp_path)
    certificate.load()
    authority.pair(*NAMES, san=bytes.fromhex("3003820180")).write(tmp_path)  # a name that is no text
    certificate.look()
    [line] = said
    assert "the certificate stays as it is: " in line
    authority.pair(*NAMES, ends=60 * DAY).write(tmp_path)
    certificate.look()
    assert said[1].startswith("the certificate is a new one")


async def test_what_goes_wrong_at_one_look_does_not_end_the_watch(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    again = asyncio.Event()

    def look() -> None:
        nonlocal looks
        looks += 1
        if looks == 1:
            raise OSError(28, "No space left on device")
        loop.call_soon_threadsafe(again.set)

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(module, "LOOK_EVERY", 0)
    monkeypatch.setattr(certificate, "look", look)
    watching = asyncio.create_task(certificate.watch())
    await asyncio.wait_for(again.wait(), 5)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


def test_one_that_ends_soon_is_warned_of_once_a_day_also_when_it_does_not_change(
    certificate: Certificate, authority: Authority, tmp_path: Path, said: list[str]
) -> None:
    authority.pair(*NAMES, ends=5 * DAY).write(tmp_path)
    certificate.load()
    certificate.look()
    assert len(said) == 1
    certificate._warned = None  # a day later
    certificate.look()
    assert len(said) == 2
