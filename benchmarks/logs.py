"""Logs on one machine: a thousand followers at once through one server, and one follower beside `docker logs -f`.

A real `loco-server local` with a real engine. The thousand are spread over a few apps that write the time, several
lines a second; each reads its stream as a client does, and counts that nothing is missing. Then one app that has
written its log full is followed to its end by `docker logs -f`, through the API, and by `loco logs -f`, one after the
other and again: the ratio of the times is what counts.
"""

import asyncio
import os
import re
import resource
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.followed import cpu, followed, memory
from benchmarks.measured import Measured, Row
from benchmarks.parts import engine, platform, team
from benchmarks.timing import in_turn
from tests.e2e.stack import BIN, QUICK, Stack
from tests.waiting import eventually

FOLLOWERS, APPS = 1000, 2
AT_ONCE = 50
OPEN_SECONDS, WARM_SECONDS, SECONDS = 120.0, 10.0, 30.0
MOST_MB, MOST_SECONDS = 200, 0.25
LINES, ROUNDS, MOST_RATIO = 100_000, 3, 2.0
WRITTEN = re.compile(rb'"text":"([0-9]+) ([0-9.]+)"')
UNLIMITED = {"LOCO_RATE_PER_TOKEN": "0", "LOCO_RATE_PER_ADDRESS": "0", "LOCO_LOGIN_RATE_PER_ADDRESS": "0"}

APP = """\
FROM loco-test/base:1
COPY run.sh /run.sh
USER 10001
STOPSIGNAL SIGKILL
CMD ["/bin/sh", "/run.sh"]
"""
TICKS = """\
httpd -p 8080 -h /tmp
n=0
while :; do n=$((n + 1)); echo "$n $(cut -d ' ' -f 1 /proc/uptime)"; sleep 1; done
"""
FULL = f"""\
httpd -p 8080 -h /tmp
x=$(printf %070d 0); n=0
while [ $n -lt {LINES} ]; do n=$((n + 1)); echo "line $n $x"; done
echo the end
sleep 3600
"""


def deploy(stack: Stack, name: str, script: str) -> None:
    folder = stack.app(name, APP, toml=QUICK, files={"run.sh": script})
    stack.loco("deploy", cwd=folder)


# ---- a thousand


class Followers:
    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._headers = dict(stack.client().headers)
        self._opening = asyncio.Semaphore(AT_ONCE)
        self.last: list[int] = [0] * FOLLOWERS
        """By follower, the number of the last line."""
        self.lost = 0
        self.late: list[float] | None = None
        """Seconds from a line's writing to its reading here, while it is measured."""

    async def read(self, number: int) -> None:
        path = f"/v1/teams/{team(self._stack)}/apps/ticks{number % APPS}/logs?follow=true&lines=1"
        request = f"GET {path} HTTP/1.1\r\nHost: loco\r\nAuthorization: {self._headers['authorization']}\r\n\r\n"
        async with self._opening:  # no more at once than wait in a listener's line
            reader, writer = await asyncio.open_connection("127.0.0.1", self._stack.api)
            writer.write(request.encode())
            answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200"), answer + await reader.read(2000)
        while data := await reader.read(1 << 16):
            for text, uptime in WRITTEN.findall(data):
                n = int(text)
                self.lost += self.last[number] != 0 and n != self.last[number] + 1
                self.last[number] = n
                if self.late is not None:
                    self.late.append(time.clock_gettime(time.CLOCK_BOOTTIME) - float(uptime))
        raise AssertionError(f"the log of follower {number} ended")


async def thousand(stack: Stack) -> list[Row]:
    assert stack.process is not None
    pid = stack.process.pid
    before = memory(pid, "VmRSS")
    found = Followers(stack)
    readers = [asyncio.create_task(found.read(number)) for number in range(FOLLOWERS)]
    try:
        until = time.monotonic() + OPEN_SECONDS
        while not all(found.last):
            assert time.monotonic() < until, f"{found.last.count(0)} followers have no line"
            for each in readers:
                if each.done():
                    each.result()
            await asyncio.sleep(0.1)
        await asyncio.sleep(WARM_SECONDS)
        found.late, used = [], cpu(pid)
        await asyncio.sleep(SECONDS)
        late, found.late, used = sorted(found.late), None, (cpu(pid) - used) / SECONDS
        note = f"{len(late) / SECONDS:.0f} lines/s of {APPS} apps; {before:.0f} MB before, {used:.0%} of a processor"
        found_rows = followed(f"{FOLLOWERS:,} followers", late, memory(pid, "VmHWM"), MOST_SECONDS, MOST_MB, note)
        return [*found_rows, Measured("  lines lost", found.lost, limit=0, unit="")]
    finally:
        for each in readers:
            each.cancel()
        await asyncio.gather(*readers, return_exceptions=True)


# ---- one, as fast as it goes


def took(argv: list[str | Path], environment: dict[str, str]) -> float:
    """Give the seconds from the first line to the last; the start of the program is not what is measured."""
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)
    assert process.stdout is not None
    try:
        count, began, rest = 0, 0.0, b""
        while data := os.read(process.stdout.fileno(), 1 << 20):
            began = began or time.perf_counter()
            # A batch of the API is one line for many of the app's.
            count += data.count(b'"text":"line ') or data.count(b"line ")
            rest = (rest + data)[-200:]
            if b"the end" in rest:
                break
        seconds = time.perf_counter() - began
    finally:
        process.kill()
        process.wait()
    assert count >= LINES * 0.99, (argv, count)
    return seconds * LINES / count


def single(stack: Stack, container: str) -> Iterator[Row]:
    url = f"{stack.url}/v1/teams/{team(stack)}/apps/full/logs?follow=1"
    config = stack.folder / "curl"
    config.write_text(f'header = "Authorization: {stack.client().headers["authorization"]}"\n')
    config.chmod(0o600)
    argv: dict[str, list[str | Path]] = {
        "docker logs -f": ["docker", "logs", "-f", container],
        "the API": ["curl", "-sN", "-K", config, url],
        "loco logs -f": [BIN / "loco", "logs", "--app", "full", "-f", "--since", "1d"],
    }
    times = in_turn({name: partial(took, each, stack.env()) for name, each in argv.items()}, ROUNDS)
    raw = times.pop("docker logs -f")
    for name, ours in times.items():
        note = f"{LINES / ours:,.0f} lines/s"
        yield Measured(f"{LINES:,} lines by {name} / docker logs -f", ours, raw, MOST_RATIO, note=note)


def measure() -> Iterator[Row]:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    client = engine()
    with platform(**UNLIMITED) as stack:
        for number in range(APPS):
            deploy(stack, f"ticks{number}", TICKS)
        yield from asyncio.run(thousand(stack))
        deploy(stack, "full", FULL)
        (container,) = client.containers.list(filters={"label": "loco/app=full"})
        eventually(lambda: b"the end" in container.logs(tail=1), within=120)
        yield from single(stack, container.name)
    client.close()
