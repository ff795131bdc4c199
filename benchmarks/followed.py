"""A thousand logs followed at once through one server on Kubernetes: how late their lines come, and its memory.

Three processes: a stub of the Kubernetes API (over TLS, as a real one) whose pods write a line a second each; a
`loco-server serve` on PostgreSQL; and this one, which reads every stream of the API and compares clocks.
"""

import asyncio
import logging
import os
import re
import resource
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.measured import Measured, Row
from loco_server.engines.base import AppRef
from loco_server.engines.kubernetes import names
from loco_server.records.database import Database
from loco_server.records.facts import Facts
from loco_server.records.people import People
from loco_server.records.tables import APPS
from loco_spec.version import VERSION, VERSION_HEADER
from tests.certificates import Authority
from tests.kube.stub import Stub
from tests.kube.stub.store import NAMESPACES, PODS, Key, Log
from tests.loco_server.cluster.serving import Replica, environment, session
from tests.postgres import running
from tests.waiting import eventually_async

STREAMS = 1000
WARM_SECONDS, SECONDS = 15.0, 30.0
MOST_MB, MOST_SECONDS = 300, 0.25
LOGIN = "ann"
WRITTEN = re.compile(rb'"text":"([0-9.]+)"')


def app(number: int) -> AppRef:
    return AppRef(team=LOGIN, team_id="tttttttttt", app=f"app{number}", app_id=f"{number:010}")


# ---- the cluster


async def cluster(folder: Path, installation: str) -> None:
    """Serve the API of a cluster with a pod for each app, which writes when it wrote."""
    logging.disable()  # whoever reads is killed at the end
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*Authority().pair("127.0.0.1").write(folder))
    async with Stub(bookmark_seconds=60, tls=tls) as stub:
        logs = [_pod(stub, app(number), installation) for number in range(STREAMS)]
        stub.kubeconfig(folder)
        print("ready", flush=True)
        began, written = time.monotonic(), 0
        while True:
            due = int((time.monotonic() - began) * STREAMS)
            for number in range(written, due):
                logs[number % STREAMS].say(f"{time.time():.6f}")
            written = due
            await asyncio.sleep(0.01)


def _pod(stub: Stub, found: AppRef, installation: str) -> Log:
    namespace = names.namespace(found)
    marks = names.labels(installation, found) | {names.DEPLOYMENT: "1", names.ROLE: "app"}
    key: Key = (PODS, namespace, f"web-5d4f-{found.app_id}")
    status = {"phase": "Running", "containerStatuses": [{"state": {"running": {}}, "restartCount": 0}]}
    stub.store.write((NAMESPACES, "", namespace), {})
    stub.store.write(key, {"metadata": {"labels": marks}, "status": status})
    return stub.store.logs.setdefault(key, Log())


# ---- the records


async def records(url: str) -> tuple[str, str]:
    """Put the apps into the records; give the installation, and the token of somebody who may read their logs."""
    token = await session(url, LOGIN)
    database = Database(url)
    people = People(database)
    user = await people.signed_in("local", LOGIN, LOGIN)
    membership = await people.membership(user.id, LOGIN)
    assert membership is not None
    rows = [
        {
            "id": app(number).app_id,
            "team_id": membership[0].id,
            "name": app(number).app,
            "last_number": 1,
            "pull_generation": 1,
            "created_at": datetime.now(UTC),
        }
        for number in range(STREAMS)
    ]
    async with database.write() as db:
        await db.execute(APPS.insert(), rows)
    installation = await Facts(database).installation()
    await database.close()
    return installation, token


# ---- the readers


class Readers:
    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._token = token
        self.reading = 0
        self.late: list[float] | None = None
        """Seconds from a line's writing to its reading here, while it is measured."""

    async def read(self, number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        path = f"/v1/teams/{LOGIN}/apps/{app(number).app}/logs?follow=true&lines=1"
        heads = {"Host": "loco", "Authorization": f"Bearer {self._token}", VERSION_HEADER: VERSION}
        request = f"GET {path} HTTP/1.1\r\n" + "".join(f"{key}: {value}\r\n" for key, value in heads.items()) + "\r\n"
        writer.write(request.encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200"), answer + await reader.read(2000)
        first = True
        while data := await reader.read(1 << 16):
            found = WRITTEN.findall(data)
            self.reading += first and bool(found)
            first = first and not found
            if self.late is not None:
                now = time.time()
                self.late += [now - float(each) for each in found]
        raise AssertionError(f"the log of {app(number).app} ended")


def memory(pid: int, what: str) -> float:
    """Give `VmRSS` or `VmHWM` in megabytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) / 1000
    raise LookupError(what)


def cpu(pid: int) -> float:
    """Give the processor's seconds that it has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def served(folder: Path, url: str, token: str) -> tuple[Measured, ...]:
    unlimited = {"LOCO_RATE_PER_TOKEN": "0", "LOCO_RATE_PER_ADDRESS": "0"}
    variables = environment(folder, url, LOCO_KUBECONFIG=str(folder / "stub.kubeconfig"), **unlimited)
    server = Replica(folder / "server", variables)
    server.start()
    assert server.process is not None
    readers: list[asyncio.Task[None]] = []
    try:
        await eventually_async(server.is_ready, within=60)
        pid = server.process.pid
        before = memory(pid, "VmRSS")
        found = Readers(server.api, token)
        readers = [asyncio.create_task(found.read(number)) for number in range(STREAMS)]

        async def all_read() -> bool:
            for each in readers:
                if each.done():
                    each.result()
            return found.reading == STREAMS

        started = time.monotonic()
        await eventually_async(all_read, within=120)
        opened = time.monotonic() - started
        await asyncio.sleep(WARM_SECONDS)
        found.late, used = [], cpu(pid)
        await asyncio.sleep(SECONDS)
        late, found.late = sorted(found.late), None
        used = (cpu(pid) - used) / SECONDS
        await all_read()
        note = f"{len(late) / SECONDS:.0f} lines/s, open after {opened:.1f} s; "
        note += f"{before:.0f} MB before, {used:.0%} of a processor"
        return followed(f"{STREAMS:,} followed logs", late, memory(pid, "VmHWM"), MOST_SECONDS, MOST_MB, note)
    except AssertionError:
        print(server.said[-2000:], file=sys.stderr)
        raise
    finally:
        for each in readers:
            each.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
        await server.close()


def followed(
    what: str, late: list[float], peak: float, most_seconds: float, most_megabytes: float, note: str
) -> tuple[Measured, ...]:
    """Give the rows of many followers. `late`: seconds, sorted."""
    p95, median, worst = statistics.quantiles(late, n=20)[-1], statistics.median(late), late[-1]
    return (
        Measured(f"{what}: lines late, p95", p95, None, most_seconds, note=f"median {median:.3f}, worst {worst:.3f}"),
        Measured("  the server's memory, at most", peak, None, most_megabytes, "MB", note),
    )


def measure() -> Iterator[Row]:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory(prefix="loco-bench-") as name, running() as postgres:
        url = postgres.make("followed", template="migrated")
        installation, token = asyncio.run(records(url))
        argv = [sys.executable, "-m", "benchmarks.followed", name, installation]
        stub = subprocess.Popen(argv, stdout=subprocess.PIPE)
        try:
            assert stub.stdout is not None
            assert stub.stdout.readline() == b"ready\n"
            yield from asyncio.run(served(Path(name), url, token))
        finally:
            stub.kill()
            stub.wait()


if __name__ == "__main__":
    asyncio.run(cluster(Path(sys.argv[1]), sys.argv[2]))
