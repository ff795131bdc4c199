from dataclasses import replace

import pytest

from loco_server.policy import gates
from loco_server.registries.base import ImageFacts
from loco_server.scanners.base import ScanReport
from loco_spec.errors import ImageRefused, Refused

FACTS = ImageFacts(
    digest="sha256:" + "a" * 64,
    compressed_size=1000,
    platform="linux/amd64",
    user="10001",
    config_digest="sha256:" + "b" * 64,
    layers=(),
)


def test_a_disk_with_room_takes_a_deployment() -> None:
    gates.room(1000, 1000, where="here")


def test_a_disk_below_the_floor_says_how_much_is_free_and_how_much_must_be() -> None:
    with pytest.raises(Refused) as caught:
        gates.room(999_000_000, 1_000_000_000, where="here")
    assert "999.0 MB free" in caught.value.message
    assert "1.0 GB" in caught.value.message


def test_an_image_of_exactly_the_limit_passes_and_one_byte_more_does_not() -> None:
    gates.size(FACTS, 1000)
    with pytest.raises(ImageRefused):
        gates.size(FACTS, 999)


def test_an_image_of_another_platform_is_refused_with_the_line_to_write() -> None:
    gates.platform(FACTS, "linux/amd64")
    with pytest.raises(ImageRefused) as caught:
        gates.platform(FACTS, "linux/arm64")
    assert 'platform = "linux/arm64"' in caught.value.hint


@pytest.mark.parametrize(("user", "uid"), [("10001", 10001), ("10001:10001", 10001), ("1:0", 1), ("007", 7)])
def test_a_numeric_user_is_taken_as_it_is(user: str, uid: int) -> None:
    assert gates.named_user(replace(FACTS, user=user)) is None
    assert gates.user(replace(FACTS, user=user), override=None, looked_up=None) == uid


def test_a_named_user_is_taken_as_looked_up() -> None:
    facts = replace(FACTS, user="app:app")
    assert gates.named_user(facts) == "app"
    assert gates.user(facts, override=None, looked_up=812) == 812


def test_a_named_user_that_nobody_knows_is_refused_by_name() -> None:
    with pytest.raises(ImageRefused, match='user "app"'):
        gates.user(replace(FACTS, user="app"), override=None, looked_up=None)


@pytest.mark.parametrize(("user", "looked_up"), [("", None), ("0", None), ("0:5", None), ("root", 0), ("admin", 0)])
def test_root_is_refused_by_every_name_with_both_ways_out(user: str, looked_up: int | None) -> None:
    with pytest.raises(ImageRefused, match="root") as caught:
        gates.user(replace(FACTS, user=user), override=None, looked_up=looked_up)
    assert "USER 10001" in caught.value.hint
    assert "[security]" in caught.value.hint


def test_the_spec_overrides_the_image_user() -> None:
    assert gates.user(replace(FACTS, user="root"), override=10001, looked_up=None) == 10001


def test_only_a_clean_scan_passes() -> None:
    gates.scan(ScanReport("none", "ok"))
    for status in ("findings", "inconclusive", "error"):
        with pytest.raises(ImageRefused):
            gates.scan(ScanReport("grype", status))


def test_a_refused_scan_says_what_the_scanner_said() -> None:
    with pytest.raises(ImageRefused, match="database is 9 days old"):
        gates.scan(ScanReport("grype", "error", "database is 9 days old"))
