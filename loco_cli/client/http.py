"""The one session with the server: token, version, errors, retries of what is safe to repeat."""

import json
import math
import os
import re
import secrets
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar
from urllib.parse import urlsplit

import httpx
from pydantic import BaseModel, ValidationError

from loco_cli.client.sse import Message, lines, messages
from loco_cli.config import Choice, is_loopback, not_a_server
from loco_cli.credentials import Token
from loco_spec.errors import (
    LocoError,
    NotSignedIn,
    RecordsAway,
    ServerFault,
    ServerUnreachable,
    TooManyRequests,
    UsageError,
    from_problem,
)
from loco_spec.version import REPEAT_HEADER, VERSION, VERSION_HEADER

Model = TypeVar("Model", bound=BaseModel)

CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0
SILENCE_SECONDS = 40.0
"""A stream in which not even a ping came for so long is dead."""
SHORTEST_SECONDS = 0.2
"""What is asked at the end of its time gets so long for an answer."""
DESTROY_SECONDS = 300.0
PUT_SECONDS = 20.0
WAITS = 3
AWAY_WAITS = 6
"""What the server's records keep it from: so many times, which is half a minute or more."""
WAIT_SECONDS = 30
"""What is asked too often is asked again so many times, where the server wants no more than so long between."""
CUTS = (httpx.ReadError, httpx.WriteError, httpx.CloseError, httpx.RemoteProtocolError)
"""The connection was there and broke off: whether the server has heard is not known. It does what comes again once."""
CUT_TRIES = 8
CUT_PAUSE_SECONDS = 0.1
"""Before the first of them; doubled each time, up to two seconds."""
_TOKEN = re.compile(r"[!-~]+")
_NUMBER = re.compile(r"^\[Errno -?\d+\] ")
_UNTRUSTED = re.compile(r"local issuer|self[- ]signed")
"""In OpenSSL's words for a certificate of an authority that nobody has named."""


class StreamCutError(Exception):
    """A stream ended before its end; asking again from the last id goes on."""


class Http:
    """Requests to one server.

    Raises:
        UsageError: its URL is none, or there are no certificates to trust, such as those that SSL_CERT_FILE names.

    Raises (every method):
        ServerUnreachable: no connection, or it was cut.
        LocoError: the class that the server raised.
    """

    def __init__(
        self,
        server: Choice,
        token: Token | None,
        *,
        transport: httpx.BaseTransport | None = None,
        say: Callable[[str], None] = lambda _text: None,
    ) -> None:
        self._say = say
        self._server = server
        self._token = token
        self._until = math.inf
        self.date = ""
        """What the clock of the server showed when it answered last, as HTTP has it."""
        try:
            self._client = httpx.Client(
                base_url=server.value,
                headers={VERSION_HEADER: VERSION, "user-agent": f"loco/{VERSION}"},
                transport=transport,
                verify=_certificates(server.value),
                trust_env=not is_loopback(server.value),
            )
        except httpx.InvalidURL as e:
            raise not_a_server(server.value, server.source) from e
        except OSError as e:  # also ssl.SSLError
            raise _no_certificates(e) from e

    @property
    def server(self) -> str:
        return self._server.value

    @contextmanager
    def until(self, moment: float) -> Iterator[None]:
        """Let no request in the block last, or be put off, beyond a moment of `time.monotonic()`."""
        before, self._until = self._until, moment
        try:
            yield
        finally:
            self._until = before

    def _bounded(self, read: float) -> httpx.Timeout:
        left = max(SHORTEST_SECONDS, self._until - time.monotonic())
        return httpx.Timeout(min(read, left), connect=min(CONNECT_SECONDS, left))

    def close(self) -> None:
        self._client.close()

    def get(self, path: str, model: type[Model], **query: str) -> Model:
        return self._read(self._send("GET", path, query=query), model)

    def post(
        self,
        path: str,
        model: type[Model],
        body: BaseModel | None = None,
        *,
        signed_in: bool = True,
        timeout: float | None = None,
    ) -> Model:
        return self._read(self._send("POST", path, body=body, signed_in=signed_in, timeout=timeout), model)

    def post_alone(self, path: str) -> None:
        """Where the answer has nothing to read."""
        self._send("POST", path)

    def patch(self, path: str, model: type[Model], body: BaseModel) -> Model:
        return self._read(self._send("PATCH", path, body=body), model)

    def delete_for(self, path: str, model: type[Model]) -> Model:
        """Where the answer tells what was deleted."""
        return self._read(self._send("DELETE", path), model)

    def put_text(self, path: str, text: str) -> None:
        self._send("PUT", path, body=text.encode(errors="replace"), timeout=PUT_SECONDS)

    def put(self, path: str, model: type[Model], body: BaseModel) -> Model:
        return self._read(self._send("PUT", path, body=body), model)

    def delete(self, path: str, *, timeout: float = DESTROY_SECONDS) -> None:
        """Where the answer to a first request was lost, and a second finds nothing, the first deleted it."""
        self._send("DELETE", path, timeout=timeout, may_be_gone=True)

    def get_public(self, path: str, model: type[Model]) -> Model:
        return self._read(self._send("GET", path, signed_in=False), model)

    @contextmanager
    def stream(self, path: str, *, last_id: str | None, **query: str) -> Iterator[Iterator[Message]]:
        """Open a stream of server-sent events.

        Raises:
            StreamCutError: while it is read: it broke off.
        """
        headers = {"accept": "text/event-stream", **self._authorization()}
        if last_id is not None:
            headers["last-event-id"] = last_id
        try:
            asked = 0
            while True:
                asked += 1
                timeout = self._bounded(SILENCE_SECONDS)
                with self._client.stream("GET", path, params=query, headers=headers, timeout=timeout) as answer:
                    if answer.is_success:
                        try:
                            yield messages(lines(answer.iter_text()))
                        except httpx.TransportError as e:
                            raise StreamCutError from e
                        return
                    answer.read()
                    error = self._error(answer)
                if not self._waited(error, asked):
                    raise error
        except (httpx.ConnectError, UnicodeError) as e:
            raise self.unreachable(e) from e
        except httpx.TransportError as e:
            raise StreamCutError from e

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: BaseModel | bytes | None = None,
        signed_in: bool = True,
        timeout: float | None = None,
        may_be_gone: bool = False,
    ) -> httpx.Response:
        headers = self._authorization() if signed_in else {}
        content = body.model_dump_json() if isinstance(body, BaseModel) else body
        if content is not None:
            headers["content-type"] = "text/plain; charset=utf-8" if isinstance(body, bytes) else "application/json"
        if method != "GET":
            headers[REPEAT_HEADER] = secrets.token_urlsafe(16)
        asked, cut = 0, 0
        while True:
            try:
                answer = self._client.request(
                    method,
                    path,
                    params=query or None,
                    content=content,
                    headers=headers,
                    timeout=self._bounded(timeout or READ_SECONDS),
                )
            except CUTS as e:
                cut += 1
                if cut == CUT_TRIES:
                    raise self.unreachable(e) from e
                time.sleep(min(CUT_PAUSE_SECONDS * 2 ** (cut - 1), 2.0))
                continue
            except (httpx.TransportError, UnicodeError) as e:  # UnicodeError: a host that no name server knows
                raise self.unreachable(e) from e
            self.date = answer.headers.get("date", "")
            if answer.is_success or (may_be_gone and cut and answer.status_code == httpx.codes.NOT_FOUND):
                return answer
            asked += 1
            error = self._error(answer)
            if not self._waited(error, asked):
                raise error

    def _waited(self, error: LocoError, asked: int) -> bool:
        """Wait where nothing has come of it and it may be sent again: it was one too many, or records are away."""
        seconds = error.retry_after
        if (
            not isinstance(error, TooManyRequests | RecordsAway)
            or seconds is None
            or seconds > WAIT_SECONDS
            or asked > (AWAY_WAITS if isinstance(error, RecordsAway) else WAITS)
        ):
            return False
        if time.monotonic() + seconds > self._until:
            return False
        if asked == 1:
            away = isinstance(error, RecordsAway)
            why = error.message if away else f"{self.server} has no time for more requests now"
            self._say(f"{why}; waiting {seconds} s")
        time.sleep(seconds)
        return True

    def opening(self, path: str) -> tuple[str, dict[str, str], ssl.SSLContext | None]:
        """Give what a WebSocket is asked for with: where, the headers, and whom to trust.

        Raises:
            NotSignedIn, UsageError: as for a request.
        """
        headers = {VERSION_HEADER: VERSION, "user-agent": f"loco/{VERSION}", **self._authorization()}
        url = self.server.replace("http", "ws", 1) + path
        return url, headers, httpx.create_ssl_context() if url.startswith("wss:") else None

    def refusal(self, status: int, body: bytes, path: str) -> LocoError:
        """Rebuild what the server refused a WebSocket with."""
        return self._error(httpx.Response(status, content=body, request=httpx.Request("GET", self.server + path)))

    def _authorization(self) -> dict[str, str]:
        if self._token is None:
            raise NotSignedIn(f"you are not signed in to {self.server}", hint="loco login")
        if not _TOKEN.fullmatch(self._token.text):
            # Said here: further down the header would be refused, and shown.
            raise NotSignedIn(f"what {self._token.source} holds is no token of loco", hint="loco login")
        self.refuse_plain("a token")
        return {"authorization": f"Bearer {self._token.text}"}

    def refuse_plain(self, what: str) -> None:
        """Keep secrets off the open network.

        Raises:
            UsageError: the server is elsewhere, and the way there is not encrypted.
        """
        if self._client.base_url.scheme != "https" and not is_loopback(self.server):
            raise UsageError(
                f"{self.server} is not encrypted, and {what} would be readable on the way",
                hint="use https://, or a tunnel to 127.0.0.1",
            )

    def _read(self, answer: httpx.Response, model: type[Model]) -> Model:
        try:
            return model.model_validate_json(answer.content)
        except ValidationError as e:
            raise ServerFault(
                f"{self.server} answered with what this loco ({VERSION}) does not understand", hint="loco version"
            ) from e

    def _error(self, answer: httpx.Response) -> LocoError:
        """Rebuild what the server raised; of a body that is no problem of ours nothing is shown but its status."""
        try:
            problem = json.loads(answer.content)
            if "code" not in problem:
                return self._of_somebody_else(answer)
            error = from_problem(problem, status=answer.status_code)
        except (ValueError, AttributeError, TypeError):
            return self._of_somebody_else(answer)
        if type(error) is NotSignedIn and self._token is not None:
            return NotSignedIn(f"{error.message} (it came from {self._token.source})", hint=error.hint)
        return error

    def _of_somebody_else(self, answer: httpx.Response) -> LocoError:
        what = f"{self.server} answered {answer.status_code} to {answer.request.method} {answer.request.url.path}"
        if answer.status_code in {502, 503, 504}:
            return ServerUnreachable(f"{what}: what stands before the server cannot reach it", hint="try again later")
        return ServerFault(f"{what}; is it a loco server?", hint="loco version")

    def unreachable(self, error: Exception) -> ServerUnreachable:
        if _UNTRUSTED.search(str(error)):
            hint = "name the authority that has signed its certificate: SSL_CERT_FILE=ca.pem,"
        elif is_loopback(self.server):
            hint = "start it as before: loco-server local --detach, or scripts/quickstart;"
        else:
            hint = "check the URL and your network,"
        number = error.errno if isinstance(error, OSError) else None
        why = os.strerror(number) if number else _NUMBER.sub("", str(error)) or type(error).__name__
        return ServerUnreachable(
            f"{self.server} (from {self._server.source}) cannot be reached: {why}",
            hint=f"{hint} or choose another server: loco login --server URL",
        )


def _no_certificates(error: OSError) -> UsageError:
    said = error.strerror or str(error)
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        named = os.environ.get(name)
        if named:
            hint = "name a file of certificates in PEM, or unset it" if name == "SSL_CERT_FILE" else "unset it"
            return UsageError(f"{name} names no certificates: {named}: {said}", hint=hint)
    at = f"{error.filename}: " if error.filename else ""
    return UsageError(
        f"the certificates to trust cannot be read: {at}{said}",
        hint="install loco again, or name a file of certificates in PEM: SSL_CERT_FILE",
    )


def _certificates(url: str) -> ssl.SSLContext | bool:
    """Give the certificates to trust: for plain http none at all, since reading them takes 20 ms of every command."""
    return True if urlsplit(url).scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
