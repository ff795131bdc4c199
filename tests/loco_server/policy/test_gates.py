from dataclasses import replace

import pytest

from loco_server.policy import gates
from loco_server.policy.base_images import BaseImage
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


LAYERS = tuple(f"sha256:{number:064}" for number in range(4))
BUILT = replace(FACTS, diff_ids=LAYERS[:3])


@pytest.mark.parametrize("layers", [LAYERS[:1], LAYERS[:2], LAYERS[:3]])
def test_an_image_whose_lowest_layers_are_those_of_a_listed_base_passes(layers: tuple[str, ...]) -> None:
    gates.base(BUILT, [BaseImage("other:1", LAYERS[3:]), BaseImage("debian:12", layers)])


@pytest.mark.parametrize("layers", [LAYERS[1:2], LAYERS[:4], (LAYERS[1], LAYERS[0])])
def test_an_image_that_has_a_base_higher_up_in_part_or_not_at_all_is_refused(layers: tuple[str, ...]) -> None:
    with pytest.raises(ImageRefused, match=r"allows: debian:12, other:1$") as caught:
        gates.base(BUILT, [BaseImage("other:1", LAYERS[3:]), BaseImage("debian:12", layers)])
    assert "FROM debian:12" in caught.value.hint


def test_an_image_that_names_no_layers_stands_on_nothing() -> None:
    with pytest.raises(ImageRefused):
        gates.base(FACTS, [BaseImage("debian:12", LAYERS[:1])])


def test_without_a_list_any_base_will_do() -> None:
    gates.base(BUILT, ())


def test_of_many_listed_bases_some_are_named() -> None:
    with pytest.raises(ImageRefused, match=r": image-10, .*, image-15 and 14 more$"):
        gates.base(BUILT, [BaseImage(f"image-{number}", LAYERS[3:]) for number in range(10, 30)])


def test_only_a_clean_scan_passes() -> None:
    gates.scan(ScanReport("none", "ok"))
    for status in ("findings", "inconclusive", "error"):
        with pytest.raises(ImageRefused):
            gates.scan(ScanReport("grype", status))


def test_a_refused_scan_says_what_the_scanner_said() -> None:
    with pytest.raises(ImageRefused, match="database is 9 days old"):
        gates.scan(ScanReport("grype", "error", "database is 9 days old"))
