"""The operator's end of the socket."""

import json
import socket
from pathlib import Path
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from loco_spec.errors import NotAllowed, ServerFault, ServerUnreachable, from_problem

Model = TypeVar("Model", bound=BaseModel)

SECONDS = 30.0
ROTATION_SECONDS = 3600.0


class Socket:
    """The running server of one data folder.

    Raises (every method):
        ServerUnreachable: none runs.
        NotAllowed: the socket is another user's.
        LocoError: what the server raised.
    """

    def __init__(self, data_dir: Path, path: Path) -> None:
        self._data_dir = data_dir
        self._path = path

    def get(self, path: str, model: type[Model], **query: str) -> Model:
        return _read(self._send("GET", path, params=query), model)

    def post(self, path: str, model: type[Model], body: BaseModel | None = None, *, seconds: float = SECONDS) -> Model:
        content = None if body is None else body.model_dump_json()
        return _read(self._send("POST", path, content=content, timeout=seconds), model)

    def delete(self, path: str) -> None:
        self._send("DELETE", path)

    def _send(self, method: str, path: str, *, timeout: float = SECONDS, **options: Any) -> httpx.Response:
        self._knock()
        transport = httpx.HTTPTransport(uds=str(self._path))
        try:
            with httpx.Client(transport=transport, base_url="http://loco-server", timeout=timeout) as client:
                answer = client.request(method, path, **options)
        except httpx.TransportError as e:
            raise ServerUnreachable(
                f"the server of {self._data_dir} broke off: {str(e) or type(e).__name__}",
                hint="loco-server local status",
            ) from e
        if answer.is_success:
            return answer
        try:
            error = from_problem(json.loads(answer.content), status=answer.status_code)
        except (ValueError, AttributeError) as e:
            raise ServerFault(f"the server answered {answer.status_code}", hint="loco-server version") from e
        raise error

    def _knock(self) -> None:
        """See that somebody is there: httpx tells the ways of not being let in apart by words alone, and leaks one."""
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(str(self._path))
        except PermissionError as e:
            raise NotAllowed(
                f"{self._path} is for the user who runs the server alone", hint="run it as that user, or as root"
            ) from e
        except OSError as e:
            raise ServerUnreachable(
                f"no loco-server serves {self._data_dir}",
                hint="loco-server local --detach, or name its folder: loco-server admin --data-dir DIR ...",
            ) from e


def _read(answer: httpx.Response, model: type[Model]) -> Model:
    try:
        return model.model_validate_json(answer.content)
    except ValidationError as e:
        raise ServerFault(
            "the running server answers in another version's words", hint="loco-server version, then start it again"
        ) from e
