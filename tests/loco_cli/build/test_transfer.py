from typing import Any

import pytest

from loco_cli.build.transfer import Transfer, fault


def read(*records: tuple[str, str] | tuple[str, str, int, int], transfer: Transfer | None = None) -> Transfer:
    """Read records: (layer, status), with (…, current, total) where something moves."""
    found = transfer or Transfer()
    for name, status, *moved in records:
        detail = {"current": moved[0], "total": moved[1]} if moved else {}
        found.read({"id": name, "status": status, "progressDetail": detail})
    return found


def test_layers_that_are_there_are_counted_and_not_summed() -> None:
    found = read(
        ("a", "Layer already exists"),
        ("b", "Mounted from acme/shop"),
        ("c", "Pushing", 500, 2000),
        ("d", "Pushing", 1000, 4000),
    )
    assert found.now() == "1.5 KB of 6.0 KB, 2 of 4 layers already there"


def test_the_end_says_how_much_was_new() -> None:
    assert read(("a", "Layer already exists")).result() == "nothing: every layer was there already"
    found = read(("a", "Preparing"), ("a", "Pushing", 512, 1000), ("a", "Pushed"))
    assert found.result() == "1.0 KB, 1 of 1 layer new"
    read(("b", "Already exists"), transfer=found)
    assert found.result() == "1.0 KB, 1 of 2 layers new"


def test_a_layer_may_turn_out_larger_than_was_said() -> None:
    assert read(("a", "Pushing", 2089472, 1984234)).now() == "2.1 MB of 2.1 MB"


def test_unpacking_and_checking_move_nothing() -> None:
    found = read(("a", "Downloading", 700, 1000), ("a", "Verifying Checksum"), ("a", "Download complete"))
    read(("a", "Extracting", 10, 9000), ("a", "Pull complete"), transfer=found)
    assert found.now() == "1.0 KB of 1.0 KB"


def test_records_of_the_whole_image_are_no_layers() -> None:
    found = Transfer()
    for record in (
        {"status": "The push refers to repository [127.0.0.1:1/acme/shop]"},
        {"status": "Pulling from acme/shop", "id": "1.4"},
        {"status": "1.4: digest: sha256:f7 size: 527"},
        {"progressDetail": {}, "aux": {"Tag": "1.4", "Digest": "sha256:f7"}},
    ):
        found.read(record)
    assert found.result() == "nothing: every layer was there already"
    assert found.now() == "0 B of 0 B"


def test_what_an_attempt_brought_stays_new_when_the_next_finds_it_there() -> None:
    found = read(("a", "Pushing", 1000, 1000), ("a", "Pushed"), ("b", "Pushing", 400, 1000))
    found.again()
    assert found.now() == "1.0 KB of 2.0 KB"
    read(("a", "Layer already exists"), ("b", "Pushing", 1000, 1000), ("b", "Pushed"), transfer=found)
    assert found.result() == "2.0 KB, 2 of 2 layers new"
    assert found.finished == 2


def test_the_engine_gave_up_when_a_layer_it_tried_again_never_arrived() -> None:
    found = read(("a", "Pushing", 10, 1000), ("a", "Retrying in 5 seconds"), ("b", "Retrying in 5 seconds"))
    gave_up = [found.gave_up]
    read(("a", "Pushed"), ("b", "Layer already exists"), transfer=found)
    gave_up.append(found.gave_up)
    read(("c", "Retrying in 1 second"), transfer=found)
    found.again()
    assert [*gave_up, found.gave_up] == [True, False, False]


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"error": "denied", "errorDetail": {"message": "denied"}}, "denied"),
        ({"errorDetail": {"message": "denied"}}, "denied"),
        ({"status": "Pushed", "id": "a"}, ""),
        ({"errorDetail": None}, ""),
    ],
)
def test_an_error_is_found_in_either_place(record: dict[str, Any], said: str) -> None:
    assert fault(record) == said
