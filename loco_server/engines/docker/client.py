"""The only module that touches the Docker SDK. The SDK is synchronous: every call runs in a thread of its own.
Logs are read without it (`logs/wire.py`).

What the engine refuses becomes `RefusedError`, an engine that does not answer `EngineDownError`; nothing of the SDK or
of its HTTP library gets past this module.
"""

import asyncio
import socket
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests
import urllib3
from docker import APIClient
from docker.errors import APIError, DockerException

from loco_server.engines.base import EngineDownError

DEFAULT_URL = "unix:///var/run/docker.sock"
CALL_TIMEOUT = 60
"""Seconds without a byte from the engine. Stopping a container waits inside the engine and asks for more."""
THREADS = 16


class RefusedError(Exception):
    """The engine answered with an error of its own: `status` (HTTP) and its words."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message

    @property
    def missing(self) -> bool:
        return self.status == requests.codes.not_found

    @property
    def conflict(self) -> bool:
        return self.status == requests.codes.conflict


class Docker:
    """One engine. Connects at the first call: making one asks nothing of it."""

    def __init__(self, base_url: str | None = None) -> None:
        self.url = base_url or DEFAULT_URL
        self._connecting = threading.Lock()
        self._sdk: APIClient | None = None
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="docker")

    async def call(self, method: str, /, *args: Any, **kwargs: Any) -> Any:
        """Call a method of the SDK's low-level client by name.

        Raises:
            RefusedError: the engine answered with an error.
            EngineDownError: it did not answer.
        """
        return await self.run(lambda sdk: getattr(sdk, method)(*args, **kwargs))

    async def run(self, work: Any) -> Any:
        """Run a function of the low-level client in one of the client's threads. Raises as `call` does."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._guarded, work)

    async def containers(self, labels: Mapping[str, str]) -> list[dict[str, Any]]:
        """List containers, stopped ones too, that carry all the labels, in the engine's list form."""
        wanted = [f"{name}={value}" for name, value in labels.items()]
        listed: list[dict[str, Any]] = await self.call("containers", all=True, filters={"label": wanted})
        return listed

    async def inspect(self, container: str) -> dict[str, Any] | None:
        """Give the engine's full record of a container; None when there is no such container."""
        try:
            record: dict[str, Any] = await self.call("inspect_container", container)
        except RefusedError as error:
            if error.missing:
                return None
            raise
        return record

    async def create(self, name: str, config: Mapping[str, Any]) -> str:
        """Create a container from the engine API's own JSON; give its id."""
        created: dict[str, Any] = await self.call("create_container_from_config", dict(config), name)
        return str(created["Id"])

    async def stop(self, container: str, seconds: float) -> None:
        """SIGTERM, then SIGKILL after so many seconds. Gone or stopped already is no error."""
        await self._unless_missing("stop", container, timeout=round(seconds))

    async def kill(self, container: str) -> None:
        """SIGKILL. Gone or stopped already is no error."""
        try:
            await self._unless_missing("kill", container)
        except RefusedError as error:
            if not error.conflict:
                raise

    async def remove(self, container: str) -> None:
        """Remove, by force. Gone already, or being removed by another, is no error."""
        try:
            await self._unless_missing("remove_container", container, force=True, v=True)
        except RefusedError as error:
            if not error.conflict:
                raise

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._sdk is not None:
            self._sdk.close()

    async def _unless_missing(self, method: str, container: str, **kwargs: Any) -> None:
        try:
            await self.call(method, container, **kwargs)
        except RefusedError as error:
            if not error.missing:
                raise

    def _guarded(self, work: Any) -> Any:
        try:
            self._knock()
            return work(self._connected())
        except APIError as error:
            status = 500 if error.response is None else int(error.response.status_code)
            raise RefusedError(status, str(error.explanation or error)) from error
        except (DockerException, requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise EngineDownError(down(self.url, error)) from error

    def _knock(self) -> None:
        """The SDK leaks the socket of a connection that is refused: it asks only where somebody answers."""
        if self.url.startswith("unix://"):
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(CALL_TIMEOUT)
                probe.connect(self.url.removeprefix("unix://"))

    def _connected(self) -> APIClient:
        with self._connecting:
            if self._sdk is None:
                self._sdk = APIClient(base_url=self.url, version="auto", timeout=CALL_TIMEOUT, max_pool_size=THREADS)
            return self._sdk


def down(url: str, error: Exception) -> str:
    """Say in one line that the engine does not answer, and what to start."""
    reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    where = url.removeprefix("unix://")
    return f"the Docker engine at {where} does not answer ({reason}): start it with `systemctl start docker`"
