"""The Docker SDK's client as far as loco uses it: its answers are set beforehand, what it was asked is written down."""

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Self

from docker.errors import APIError, ImageNotFound

from loco_cli.build.engine import Engine
from tests.loco_cli.samples import DIGEST, IMAGE

Records = Sequence[Mapping[str, Any] | BaseException]
"""What the engine says of a build or a push; an exception breaks it off."""

BUILT: Records = [{"id": "moby.image.id", "aux": {"ID": IMAGE}}]
PUSHED: Records = [{"status": "Pushing", "id": "a"}, {"aux": {"Tag": "v3", "Digest": DIGEST, "Size": 500}}]


class Docker:
    """Each push is answered by the next of `pushes`, the last one again and again."""

    def __init__(self, *, builds: Records = BUILT, pushes: Sequence[Records] = (PUSHED,)) -> None:
        self.images: set[str] = set()
        self.tags: dict[str, str] = {}
        self.asked: list[str] = []
        self.query: dict[str, Any] = {}
        self.context = b""
        """The tar that the last build was sent."""
        self.closed = 0
        """How many answers were closed."""
        self.login: dict[str, Any] = {}
        self.credentials: dict[str, str] = {}
        self.refuses_login = ""
        """What `POST /auth` is refused with."""
        self.fails: BaseException | None = None
        """Raised by everything but builds and pushes."""
        self.meanwhile: Callable[[], object] = list
        """Happens in every push."""
        self._builds = builds
        self._pushes = list(pushes)

    def engine(self) -> Engine:
        return Engine(self, self, "unix:///engine.sock")

    def info(self) -> dict[str, Any]:
        self._ask("info")
        return {"ServerVersion": "26.1.0", "OSType": "linux", "DockerRootDir": "/no/such/folder"}

    def ping(self) -> bool:
        self._ask("ping")
        return True

    def inspect_image(self, image: str) -> dict[str, Any]:
        self._ask(f"inspect {image}")
        if image not in self.images:
            raise ImageNotFound("no such image")
        system, _, architecture = str(self.query.get("platform", "linux/amd64")).partition("/")
        return {"Id": image, "Os": system, "Architecture": architecture, "Config": {"User": "10001"}}

    def tag(self, image: str, repository: str, tag: str) -> bool:
        self._ask(f"tag {repository}:{tag}")
        if image not in self.images:
            raise ImageNotFound("no such image")
        self.tags[f"{repository}:{tag}"] = image
        return True

    def remove_image(self, name: str, *, noprune: bool) -> None:
        assert noprune
        self._ask(f"untag {name}")
        if self.tags.pop(name, None) is None:
            raise ImageNotFound("no such image")

    def push(
        self, repository: str, *, tag: str, stream: bool, decode: bool, auth_config: dict[str, str]
    ) -> Iterator[Any]:
        assert stream
        assert decode
        self.asked.append(f"push {repository}:{tag}")
        self.credentials = auth_config
        self.meanwhile()
        return _told(self._pushes.pop(0) if len(self._pushes) > 1 else self._pushes[0])

    # The requests that the SDK has no method for.

    def _url(self, path: str) -> str:
        return path

    def _post(self, path: str, *, params: dict[str, Any], data: Iterator[bytes], headers: Any, stream: bool) -> Any:
        assert stream
        assert headers == {"Content-Type": "application/x-tar"}
        self.asked.append(f"POST {path}")
        self.query = params
        self.context = b"".join(data)
        return _Answer(self, self._builds)

    def _post_json(self, path: str, *, data: dict[str, Any]) -> str:
        self._ask(f"POST {path}")
        self.login = data
        if self.refuses_login:
            raise refusal(self.refuses_login)
        return "an answer"

    def _result(self, answer: str, *, json: bool) -> None:
        assert (answer, json) == ("an answer", True)

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if self.fails is not None:
            raise self.fails


class _Answer:
    """A response whose lines come as they are said."""

    status_code = 200

    def __init__(self, docker: Docker, records: Records) -> None:
        self._docker = docker
        self._records = records

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._docker.closed += 1

    def iter_lines(self, *, chunk_size: int | None) -> Iterator[bytes]:
        assert chunk_size is None  # each chunk as it comes
        for record in _told(self._records):
            self._docker.images |= {record["aux"]["ID"]} if record.get("id") == "moby.image.id" else set()
            yield json.dumps(record).encode()


def _told(records: Records) -> Iterator[Any]:
    for record in records:
        if isinstance(record, BaseException):
            raise record
        yield record


def refusal(explanation: str) -> APIError:
    """What the SDK raises when the engine answers with an error."""
    return APIError("500 Server Error", explanation=explanation)


def trace(message: bytes) -> dict[str, Any]:
    """BuildKit's progress as the engine passes it on."""
    return {"id": "moby.buildkit.trace", "aux": base64.b64encode(message).decode()}
