"""Child processes that outlive the server: started in sessions of their own, adopted, watched, stopped.

What runs is written to `<name>.json` beside the sockets: pid, the kernel's start time of it (a pid alone may be
somebody else's by now) and the hash of what it was started with. Whoever reads that file can stop it, also when the
server is dead.
"""

import asyncio
import contextlib
import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

MARK = "LOCO_SUPERVISED"
"""In the environment of each child: finds the one whose server died before it had written the pid down."""

_LOOK_EVERY = 0.1
_STEADY_SECONDS = 10.0
_SHORTEST_PAUSE = 0.3
_LONGEST_PAUSE = 30.0
_TERM_SECONDS = 8.0


@dataclass(frozen=True)
class Program:
    """What to run. Equal values give equal hashes: a running process with the same hash is adopted."""

    name: str
    """A word; files and messages carry it."""
    argv: tuple[str, ...]
    configuration: str = ""
    """The text of its configuration files, which argv only names."""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Added to a small fixed one; the server's own environment is not passed on."""

    def hash(self) -> str:
        binary = Path(self.argv[0]).stat()
        parts = [self.argv, self.configuration, sorted(self.environment.items()), binary.st_size, binary.st_mtime_ns]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@dataclass(frozen=True)
class Running:
    pid: int
    started: int
    hash: str

    def is_alive(self) -> bool:
        return start_time(self.pid) == self.started


class ProcessDiedError(Exception):
    """The program ended, or did not become ready; carries the last lines of its log."""

    def __init__(self, name: str, what: str, lines: tuple[str, ...]) -> None:
        super().__init__("\n".join((f"{name} {what}", *(f"  {line}" for line in lines))))
        self.lines = lines


def start_time(pid: int) -> int | None:
    """Give the kernel's start time of a process (clock ticks since boot), None when it is gone or only a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, *rest = text[text.rindex(")") + 2 :].split()  # the name before may hold spaces and brackets
    return None if state in {"Z", "X"} else int(rest[18])


def recorded(run_dir: Path, name: str) -> Running | None:
    """Give what the folder says of the program; it may have ended since."""
    try:
        found = json.loads(_record(run_dir, name).read_text(encoding="ascii"))
        return Running(pid=int(found["pid"]), started=int(found["started"]), hash=str(found["hash"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def stop_recorded(run_dir: Path, name: str) -> bool:
    """Stop what the folder says runs, if it is still that process. Whether there was anything to stop. Blocks."""
    found = [left for left in (recorded(run_dir, name),) if left is not None and left.is_alive()]
    found += [left for left in _marked(run_dir, name) if left not in found]
    for left in found:
        _signal(left, signal.SIGTERM)
    deadline = time.monotonic() + _TERM_SECONDS
    while any(left.is_alive() for left in found):
        if time.monotonic() > deadline:
            for left in found:
                _signal(left, signal.SIGKILL)
        time.sleep(0.02)
    _record(run_dir, name).unlink(missing_ok=True)
    return bool(found)


class Supervised:
    """One program, kept running until told to stop.

    Args:
        program: made anew before each start, so that a change of configuration is seen.
        ready: whether it answers; asked until it does.
        say: told in one line what happened to it.
        before_start: called when a new process is really going to be started (not on adoption): are the ports free?
    """

    def __init__(
        self,
        program: Callable[[], Program],
        *,
        run_dir: Path,
        log_dir: Path,
        ready: Callable[[], Awaitable[bool]],
        say: Callable[[str], None],
        before_start: Callable[[], None] = lambda: None,
        ready_seconds: float = 15.0,
    ) -> None:
        self._program = program
        self._run_dir = run_dir
        self._log_dir = log_dir
        self._ready = ready
        self._say = say
        self._before_start = before_start
        self._ready_seconds = ready_seconds
        self._running: Running | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._since = 0.0
        self._name = ""
        self._wanted = False
        self._changing = asyncio.Lock()

    @property
    def name(self) -> str:
        """Known once it was started."""
        return self._name

    @property
    def pid(self) -> int | None:
        """Of the living process, else None."""
        return self._running.pid if self._running is not None and self._alive() else None

    async def start(self) -> bool:
        """Adopt the running process if it is the wanted one and answers, else start one. True: adopted.

        Raises:
            ProcessDiedError: it ended at once, or did not answer in time.
        """
        program = self._program()
        self._wanted, self._name = True, program.name
        found = recorded(self._run_dir, program.name)
        if found is not None and found.is_alive() and found.hash == program.hash():
            self._running, self._child = found, None
            if await self._becomes_ready(seconds=2):
                self._since = time.monotonic()
                return True
            self._say(f"{program.name} was there but did not answer; starting it anew")
        await asyncio.to_thread(stop_recorded, self._run_dir, program.name)
        await self._spawn(program)
        return False

    async def watch(self) -> None:
        """Start it again whenever it ends, until cancelled; longer and longer pauses while it does not start."""
        failures = 0
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            async with self._changing:
                if not self._wanted or self._alive():
                    continue
                how, lasted = self._how_it_ended(), time.monotonic() - self._since
                pause = (
                    0.0 if lasted > _STEADY_SECONDS else min(_SHORTEST_PAUSE * 2 ** min(failures, 10), _LONGEST_PAUSE)
                )
                ended = time.monotonic()
                await asyncio.sleep(pause)
                failures += 1
                name = self._name
                try:
                    await asyncio.to_thread(stop_recorded, self._run_dir, name)
                    await self._spawn(self._program())
                except Exception as e:  # noqa: BLE001  whatever stands in the way now may be gone after the pause
                    self._say(f"{name} {how} and cannot be started: {e}")
                else:
                    failures = 0
                    self._say(f"{name} {how}; it was started again within {time.monotonic() - ended:.1f} s")

    async def stop(self) -> None:
        """Stop it and leave nothing behind. Cancel `watch` first."""
        self._wanted = False
        await asyncio.to_thread(self._stop)

    async def restart(self) -> None:
        """Stop it and start it as its program is now.

        Raises:
            ProcessDiedError: it does not start; `watch` goes on trying.
        """
        async with self._changing:
            await asyncio.to_thread(self._stop)
            await self._spawn(self._program())

    def _stop(self) -> None:
        reaper = self._child
        if reaper is not None and self._running is not None and reaper.poll() is None:
            _signal(self._running, signal.SIGTERM)
            try:
                reaper.wait(timeout=_TERM_SECONDS)
            except subprocess.TimeoutExpired:
                _signal(self._running, signal.SIGKILL)
                reaper.wait()
        stop_recorded(self._run_dir, self._name)
        self._running, self._child = None, None

    async def _spawn(self, program: Program) -> None:
        self._before_start()
        log = self._log_dir / f"{program.name}.log"
        self._child = _launch(program, log, mark=_mark(self._run_dir, program.name))
        started = start_time(self._child.pid)
        self._running = Running(pid=self._child.pid, started=started or 0, hash=program.hash())
        self._since = time.monotonic()
        _write_record(self._run_dir, program.name, self._running)
        if not await self._becomes_ready(seconds=self._ready_seconds):
            what = f"did not answer within {self._ready_seconds:.0f} s" if self._alive() else self._how_it_ended()
            await asyncio.to_thread(self._stop)
            raise ProcessDiedError(program.name, what, _last_lines(log))

    async def _becomes_ready(self, *, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self._alive():
            if await self._ready():
                return True
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(0.02)
        return False

    def _alive(self) -> bool:
        if self._child is not None:
            return self._child.poll() is None
        return self._running is not None and self._running.is_alive()

    def _how_it_ended(self) -> str:
        code = None if self._child is None else self._child.poll()
        if code is None:
            return "ended"
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


def _launch(program: Program, log: Path, *, mark: str) -> subprocess.Popen[bytes]:
    """Start it with a log of its own; the log of the run before is kept once."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    environment = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/nonexistent",
        **program.environment,
        MARK: mark,
    }
    with open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as output:
        return subprocess.Popen(
            program.argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            env=environment,
            start_new_session=True,
        )


def _record(run_dir: Path, name: str) -> Path:
    return run_dir / f"{name}.json"


def _write_record(run_dir: Path, name: str, running: Running) -> None:
    path = _record(run_dir, name)
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps({"pid": running.pid, "started": running.started, "hash": running.hash}))
    fresh.replace(path)


def _mark(run_dir: Path, name: str) -> str:
    return f"{run_dir.absolute()}:{name}"


def _marked(run_dir: Path, name: str) -> list[Running]:
    """Find living children by their environment; those of other users cannot be read and are not ours."""
    wanted = f"{MARK}={_mark(run_dir, name)}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            environment = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        started = start_time(int(folder.name)) if wanted in environment else None
        if started is not None:
            found.append(Running(pid=int(folder.name), started=started, hash=""))
    return found


def _signal(running: Running, number: signal.Signals) -> None:
    if running.is_alive():
        with contextlib.suppress(ProcessLookupError):  # ended in between
            if os.getpgid(running.pid) == running.pid:
                os.killpg(running.pid, number)
            else:
                os.kill(running.pid, number)


def _last_lines(log: Path, count: int = 8) -> tuple[str, ...]:
    with open(log, "rb") as file:
        file.seek(max(0, log.stat().st_size - 8192))
        return tuple(line for line in file.read().decode(errors="replace").splitlines() if line.strip())[-count:]
