"""Checks run at once, each for a few seconds at the most; what breaks one is said, and stops none."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Lock, Thread
from typing import Generic, TypeVar

from loco_cli.ui.results import Finding, FindingState
from loco_spec.errors import LocoError

T = TypeVar("T")

SECONDS = 5.0


class CannotLookError(Exception):
    """The facts of a check cannot be had: something else, which has a check of its own, is not there."""


@dataclass(frozen=True)
class Check:
    name: str
    look: Callable[[], Finding | Sequence[Finding]]
    """Raises LocoError where what it looks at is wrong, CannotLookError where it cannot be looked at."""
    late: FindingState = "unknown"
    """What it means that nothing came within its time."""
    fix: str = ""
    """What helps then."""
    seconds: float = SECONDS


class Once(Generic[T]):
    """Work that several checks need, and that is done once; what it raises, it raises for each of them."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._begun = False
        self._lock = Lock()
        self._done: Future[T] = Future()

    def __call__(self) -> T:
        with self._lock:
            first, self._begun = not self._begun, True
        if first:
            _into(self._done, self._work)
        return self._done.result()

    @property
    def so_far(self) -> T | None:
        """What it gave; None where it was not asked, is not done, or has failed."""
        return None if not self._done.done() or self._done.exception() is not None else self._done.result()


def found(checks: Sequence[Check]) -> tuple[Finding, ...]:
    """Give what each check found, in their order. Raises nothing; threads that hang are left behind."""
    began = time.monotonic()
    looks = [(check, begun(lambda check=check: _one(check))) for check in checks]  # type: ignore[misc]
    findings: list[Finding] = []
    for check, look in looks:
        try:
            findings += look.result(timeout=max(0.0, began + check.seconds - time.monotonic()))
        except TimeoutError:
            message = f"no answer within {check.seconds:g} s"
            findings.append(Finding(name=check.name, state=check.late, message=message, fix=check.fix))
    return tuple(findings)


def begun(work: Callable[[], T]) -> "Future[T]":
    """Begin the work in a thread that the end of the process does not wait for."""
    done: Future[T] = Future()
    Thread(target=_into, args=(done, work), daemon=True).start()
    return done


def _into(done: "Future[T]", work: Callable[[], T]) -> None:
    try:
        result = work()
    except BaseException as e:  # noqa: BLE001  whoever waits is told
        done.set_exception(e)
    else:
        done.set_result(result)


def _one(check: Check) -> Sequence[Finding]:
    try:
        found = check.look()
    except CannotLookError as e:
        return [Finding(name=check.name, state="unknown", message=str(e))]
    except LocoError as e:
        detail = tuple(f"{fault.file}:{fault.line}: {fault.path}: {fault.message}" for fault in e.fields)
        return [Finding(name=check.name, state="wrong", message=e.message, fix=e.hint, detail=detail)]
    except Exception as e:  # noqa: BLE001  a check that stumbles must not hide what the others found
        message = f"the check itself stumbled: {type(e).__name__}: {e}"
        return [Finding(name=check.name, state="unknown", message=message, fix="report it, please")]
    return [found] if isinstance(found, Finding) else found
