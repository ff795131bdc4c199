"""The error tree crosses the wire unharmed."""

import json

import pytest

from loco_spec.errors import (
    Conflict,
    DeploymentFailed,
    Diagnosis,
    FieldFault,
    LocoError,
    NotAllowed,
    NotFound,
    NotSignedIn,
    Refused,
    from_problem,
)

DIAGNOSIS = Diagnosis(phase="health", seconds=3.5, cause="wrong-port", message="listens on 3000", hint="port = 3000")


@pytest.mark.parametrize("cls", [LocoError, *LocoError.by_code.values()])
def test_every_class_is_rebuilt_from_its_problem(cls: type[LocoError]) -> None:
    sent = cls("what happened", hint="loco deploy", fields=[FieldFault(path="a.b", message="wrong")], retry_after=5)
    found = from_problem(json.loads(json.dumps(sent.to_problem())), status=cls.http_status)
    assert type(found) is cls
    assert (found.message, found.hint, found.fields, found.retry_after) == (
        sent.message,
        sent.hint,
        sent.fields,
        sent.retry_after,
    )


def test_a_diagnosis_crosses_too() -> None:
    sent = DeploymentFailed("v2 failed", diagnosis=DIAGNOSIS)
    assert from_problem(json.loads(json.dumps(sent.to_problem())), status=409).diagnosis == DIAGNOSIS


def test_what_is_empty_is_left_out_of_the_problem() -> None:
    assert Refused("no").to_problem() == {
        "type": "/docs/errors.md#refused",
        "title": "refused",
        "status": 507,
        "detail": "no",
        "code": "refused",
    }


@pytest.mark.parametrize(
    ("status", "cls"), [(401, NotSignedIn), (403, NotAllowed), (404, NotFound), (409, Conflict), (500, LocoError)]
)
def test_an_unknown_code_falls_back_on_the_status(status: int, cls: type[LocoError]) -> None:
    found = from_problem({"code": "of-a-later-version", "title": "later"}, status=status)
    assert type(found) is cls
    assert found.message == "later"


def test_an_answer_that_is_no_problem_at_all_is_told_by_its_status() -> None:
    assert from_problem({}, status=502).message == "the server answered 502"
    assert from_problem({"retry_after": "soon"}, status=503).retry_after is None
