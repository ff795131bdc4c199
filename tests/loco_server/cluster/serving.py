"""`loco-server serve` as a process of its own, one or several on one PostgreSQL, and what an operator gives it."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from loco_server.admin import secrets
from loco_server.policy import tokens
from loco_server.records.database import Database
from loco_server.records.people import People
from loco_spec.version import VERSION, VERSION_HEADER
from tests.ports import free_port

DOMAIN = "apps.example.com"
PROGRAM = Path(sys.executable).parent / "loco-server"


def environment(folder: Path, database: str, **more: str) -> dict[str, str]:
    """Give the variables of a server that could start; its keys are made at the first call."""
    made = folder / "secrets"
    if not made.exists():
        secrets.make(made)
    return {
        "LOCO_DOMAIN": DOMAIN,
        "LOCO_DATABASE_URL": database,
        "LOCO_REGISTRY_URL": "http://127.0.0.1:1",
        "LOCO_KEYS_DIR": str(made / secrets.OWN),
        "LOCO_SECRET_KEYS_FILE": str(made / secrets.OF_VARIABLES / secrets.FILE),
        "LOCO_GITHUB_CLIENT_ID": "a-client",
        **more,
    }


class Replica:
    """One process; `folder` is its own."""

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        folder.mkdir()
        self._log = folder / "log"
        self.data_dir = folder / "data"
        self.api, self.authorization, self.metrics = free_port(), free_port(), free_port()
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "LOCO_DATA_DIR": str(self.data_dir),
            **variables,
        }
        self._argv = [f"--api-port={self.api}", f"--authorization-port={self.authorization}"]
        self._argv += [f"--metrics-port={self.metrics}", "--address=127.0.0.1"]
        self.process: subprocess.Popen[bytes] | None = None
        self.client = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{self.api}", headers={VERSION_HEADER: VERSION}, timeout=30, trust_env=False
        )

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [PROGRAM, "serve", *self._argv], stdout=log, stderr=log, env=self.environment
            )

    async def operator(self, *argv: str) -> str:
        """Run `loco-server …` beside it, as `kubectl exec` does."""
        process = await asyncio.create_subprocess_exec(
            PROGRAM, *argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=self.environment
        )
        output, _ = await process.communicate()
        assert process.returncode == 0, output.decode() + self.said
        return output.decode()

    @property
    def said(self) -> str:
        return self._log.read_text()

    async def health(self) -> int:
        return (await self._asked("/healthz")).status_code

    async def reasons(self) -> list[str] | None:
        """Why it is not ready; None: it does not answer at all."""
        answer = await self._asked("/readyz")
        if answer.status_code == 0:
            return None
        found: list[str] = answer.json()["reasons"]
        assert answer.status_code == (503 if found else 200)
        assert answer.json()["ready"] is not bool(found)
        return found

    async def _asked(self, path: str) -> httpx.Response:
        assert self.process is not None
        assert self.process.poll() is None, self.said
        try:
            return await self.client.get(path)
        except httpx.TransportError:
            return httpx.Response(0)

    async def is_ready(self) -> bool:
        return await self.reasons() == []

    async def ended(self, *, within: float) -> float:
        """Give the seconds from a SIGTERM to the end, which is a good one."""
        assert self.process is not None
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(self.process.wait, within) == 0, self.said
        return time.monotonic() - began

    async def close(self) -> None:
        await self.client.aclose()
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


async def session(url: str, login: str) -> str:
    """Give the token of somebody who has signed in."""
    database = Database(url)
    people = People(database)
    user = await people.signed_in("local", login, login)
    made = tokens.new("session")
    until = datetime.now(UTC) + timedelta(days=1)
    await people.add_token(made.id, user.id, kind="session", sha256=made.sha256, expires_at=until)
    await database.close()
    return made.text
