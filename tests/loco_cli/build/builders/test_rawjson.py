import json

import pytest

from loco_cli.build.builders import rawjson
from loco_cli.build.progress import Progress

VERTEX = {
    "digest": "sha256:a",
    "inputs": ["sha256:b"],
    "name": "[2/2] RUN make",
    "started": "2026-01-31T12:00:00.5Z",
    "completed": "2026-01-31T12:00:02.123456789Z",
}


def read(*records: object) -> Progress:
    progress = Progress(lambda _: None)
    for record in records:
        assert rawjson.read(json.dumps(record), progress)
    return progress


def test_a_step_is_read_with_its_output_its_time_and_its_bytes() -> None:
    progress = read(
        {"vertexes": [{**VERTEX, "completed": None}]},
        {"logs": [{"vertex": "sha256:a", "stream": 1, "data": "Z3LDvG4K", "timestamp": "2026-01-31T12:00:01Z"}]},
        {"statuses": [{"id": "transferring context:", "vertex": "sha256:a", "current": 10, "total": 20}]},
        {"vertexes": [VERTEX], "statuses": None, "logs": None},
        {"warnings": [{"vertex": "sha256:a", "level": 1, "short": "eA=="}]},
    )
    step = progress.step("sha256:a")
    assert (step.name, step.state, step.lines, step.moved) == ("[2/2] RUN make", "done", ["grün"], (10, 20))
    assert round(step.seconds, 3) == 1.623


def test_a_cached_and_a_failed_step_are_told_as_such() -> None:
    assert read({"vertexes": [{**VERTEX, "cached": True}]}).step("sha256:a").state == "cached"
    failed = read({"vertexes": [{**VERTEX, "error": "exit code: 7"}]}).failed
    assert failed is not None
    assert failed.error == "exit code: 7"


@pytest.mark.parametrize(
    "line", ["ERROR: failed to solve", "", "{", "[]", '{"vertexes": [1]}', '{"vertexes": [{}]}', '{"logs": 5}']
)
def test_what_is_no_record_is_left_to_people(line: str) -> None:
    assert not rawjson.read(line, Progress(lambda _: None))
