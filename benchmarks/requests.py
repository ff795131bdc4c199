"""Requests that the server answers in a second, beside an endpoint of Starlette that answers at once.

Both under the uvicorn that the server runs, with its settings, each in a process of its own and asked by `hey`.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import httpx

from benchmarks.deploy import ARGS, copy
from benchmarks.measured import Measured, Row
from benchmarks.parts import MissingError, platform, team
from benchmarks.timing import in_turn
from tests.ports import free_ports
from tests.waiting import eventually

ROUNDS, REQUESTS, AT_ONCE = 5, 400, 8
UNLIMITED = {"LOCO_RATE_PER_TOKEN": "0", "LOCO_RATE_PER_ADDRESS": "0"}
ME_LIMIT, STATUS_LIMIT = 40.0, 120.0
BARE = """\
import asyncio, socket, sys
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from loco_server.serving.listener import Listener

async def answer(_request):
    return JSONResponse({"name": "hello"})

async def main():
    app, bound = Starlette(routes=[Route("/", answer)]), socket.create_server(("127.0.0.1", int(sys.argv[1])))
    await Listener(app, bound).start()
    await asyncio.Event().wait()

asyncio.run(main())
"""


def measure() -> Iterator[Row]:
    if shutil.which("hey") is None:
        raise MissingError("no hey here (Debian: apt-get install hey)")
    with platform(**UNLIMITED) as stack, bare() as url:
        stack.loco("deploy", *ARGS, cwd=copy(stack, "hello"))
        of_team = f"{stack.url}/v1/teams/{team(stack)}"
        token = str(stack.client().headers["authorization"])
        asked = {
            "GET /v1/me": (f"{stack.url}/v1/me", ME_LIMIT),
            "GET of an app's status": (f"{of_team}/apps/hello", STATUS_LIMIT),
        }
        ways: dict[str, Callable[[], float]] = {"raw": partial(milliseconds, url)}
        ways |= {name: partial(milliseconds, place, token) for name, (place, _) in asked.items()}
        times = in_turn(ways, ROUNDS)
        for name, (_, limit) in asked.items():
            ours, raw = times[name], times["raw"]
            note = f"{1000 / ours:,.0f} and {1000 / raw:,.0f} a second"
            yield Measured(f"{name} / a bare endpoint, a request", ours, raw, limit, "ms", note)


def milliseconds(url: str, token: str = "") -> float:
    """Give how long the server takes for a request while several ask at once: the time of all by their number."""
    # hey reads no header from a file: the token stands in its command line, of an installation that is about to end.
    heads = ["-H", f"Authorization: {token}"] if token else []
    report = subprocess.run(
        ["hey", "-n", str(REQUESTS), "-c", str(AT_ONCE), *heads, url], check=True, capture_output=True, text=True
    ).stdout
    answered = sum(int(count) for count in re.findall(r"\[200\]\s+(\d+) responses", report))
    rate = re.search(r"Requests/sec:\s+([\d.]+)", report)
    assert rate is not None, report
    assert answered >= REQUESTS // AT_ONCE * AT_ONCE, report
    return 1000 / float(rate[1])


@contextmanager
def bare() -> Iterator[str]:
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}/"

    def answers() -> bool:
        try:
            return httpx.get(url).status_code == 200
        except httpx.TransportError:
            return False

    with subprocess.Popen([sys.executable, "-c", BARE, str(port)]) as process:
        try:
            eventually(answers)
            yield url
        finally:
            process.kill()
