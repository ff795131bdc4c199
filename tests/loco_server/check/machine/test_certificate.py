from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from loco_server.check.machine import certificate
from loco_server.check.machine.certificate import Pair, judge
from loco_server.check.machine.place import machine
from loco_server.local import folder
from loco_server.local.certificate import Certificate
from loco_server.settings import Public, Settings
from tests.certificates import Authority

pytestmark = pytest.mark.anyio

DOMAIN = "apps.example.com"
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.mark.parametrize(
    ("names", "ends", "state", "said"),
    [
        ((f"*.{DOMAIN}",), 22 * DAY, "ok", f"for *.{DOMAIN}, until "),
        ((f"*.{DOMAIN}",), 21 * DAY - HOUR, "warning", ": 20 days"),
        ((f"*.{DOMAIN}",), -HOUR, "missing", "and not now"),
        (("*.example.com",), 90 * DAY, "missing", f"is not good for api.{DOMAIN}, registry.{DOMAIN}, *.{DOMAIN}"),
        ((f"api.{DOMAIN}",), 90 * DAY, "missing", f"is not good for registry.{DOMAIN}, *.{DOMAIN}"),
    ],
)
def test_names_and_dates(authority: Authority, names: tuple[str, ...], ends: timedelta, state: str, said: str) -> None:
    pair = authority.pair(*names, ends=ends)
    found = judge(Pair("cert.pem", pair.certificate, pair.key), DOMAIN, datetime.now(UTC))
    assert (found.state, said in found.said) == (state, True), found
    assert bool(found.fix) is (state != "ok")


async def test_files_that_are_named_are_looked_at(authority: Authority, tmp_path: Path) -> None:
    one, other = authority.pair(f"*.{DOMAIN}"), authority.pair(f"*.{DOMAIN}")
    tls = one.write(tmp_path)
    assert (await certificate.look(machine(tmp_path, {}, domain=DOMAIN, tls=tls))).state == "ok"
    tls[1].write_bytes(other.key)
    found = await certificate.look(machine(tmp_path, {}, domain=DOMAIN, tls=tls))
    assert (found.state, "the key is not that of" in found.said) == ("missing", True)
    tls[1].unlink()
    found = await certificate.look(machine(tmp_path, {}, domain=DOMAIN, tls=tls))
    assert (found.state, found.said) == ("missing", f"{tls[1]} cannot be read: No such file or directory")


async def test_without_files_it_is_the_one_that_is_served(authority: Authority, tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert (await certificate.look(machine(data, {}, domain=DOMAIN))).state == "unknown"
    pair = authority.pair(f"*.{DOMAIN}", ends=5 * DAY)
    settings = Settings(data_dir=data, domain=DOMAIN, public=Public(*pair.write(tmp_path)))
    folder.make(settings)
    folder.claim(settings)
    said: list[str] = []
    Certificate(settings, say=said.append).load()
    found = await certificate.look(machine(data, {}, domain=None))
    assert found.state == "warning", found
    assert pair.key.decode().splitlines()[1] not in found.said + found.fix
