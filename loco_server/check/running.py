"""Checks run at once, each for a few seconds at the most; what breaks one is said, and stops none."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Thread
from typing import Any, TypeVar

from loco_server.check.finding import CannotLookError, Finding, unknown
from loco_spec.errors import LocoError

T = TypeVar("T")

SECONDS = 5.0
AS_THE_SERVER = "run it as the server's user, or as root"


@dataclass(frozen=True)
class Check:
    name: str
    look: Callable[[], Awaitable[Finding]]


async def found(checks: Sequence[Check]) -> tuple[Finding, ...]:
    """Give one finding for each check, in their order. Raises nothing."""
    return tuple(await asyncio.gather(*(_one(each, SECONDS) for each in checks)))


async def _one(check: Check, seconds: float) -> Finding:
    try:
        async with asyncio.timeout(seconds):
            return await check.look()
    except CannotLookError as e:
        return unknown(check.name, e.said, e.fix)
    except LocoError as e:
        return unknown(check.name, e.message, e.hint or "")
    except TimeoutError:
        return unknown(
            check.name, f"no answer within {seconds:g} s", "look at the network to what it asks, and ask again"
        )
    except PermissionError as e:
        return unknown(check.name, f"may not be looked at: {e.filename or e.strerror}", AS_THE_SERVER)
    except Exception as e:  # noqa: BLE001  a check that stumbles must not hide what the others found
        return unknown(check.name, f"the check itself stumbled: {type(e).__name__}: {e}", "report it, please")


def run(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run to the end; threads that hang in a system call (names that nobody resolves, say) are not waited for."""

    async def whole() -> T:
        asyncio.get_running_loop().set_default_executor(_Forsaken())
        return await work()

    return asyncio.run(whole())


class _Forsaken(ThreadPoolExecutor):
    """A thread for each call, which the end of the process does not wait for."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()

        def call() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except BaseException as e:  # noqa: BLE001  whoever waits is told
                future.set_exception(e)
            else:
                future.set_result(result)

        Thread(target=call, daemon=True).start()
        return future
