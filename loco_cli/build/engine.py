"""The container engine of the person's own machine, through the Docker SDK."""

import json
import os
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from loco_cli.config import is_loopback
from loco_spec.errors import EngineUnavailable, LocoError, RegistryUnreachable

QUICK_SECONDS = 20
_BUILDKIT_SINCE = (1, 39)
"""The API version with which `POST /build?version=2` needed no experimental engine any more."""


@dataclass(frozen=True)
class Image:
    """What the engine has under a name."""

    id: str
    platform: str
    """`linux/amd64`."""


class SourceError(Exception):
    """An image cannot be had from its own registry.

    Attributes:
        status: the HTTP status that the engine passed on; None when it was not even asked.
    """

    def __init__(self, status: int | None, message: str) -> None:
        super().__init__(message)
        self.status = status


class Engine:
    """One engine. `streams` has no read timeout: a build or a push may be silent for long."""

    is_podman = False

    def __init__(self, quick: Any, streams: Any, address: str, *, has_buildkit: bool = True) -> None:
        self._quick = quick
        self._streams = streams
        self.address = address
        self.has_buildkit = has_buildkit

    def close(self) -> None:
        self._quick.close()
        self._streams.close()

    def answers(self) -> bool:
        try:
            return bool(self._quick.ping())
        except Exception:  # noqa: BLE001  requests, urllib3, docker: each has its own ways to say no
            return False

    def about(self) -> dict[str, Any]:
        """Give what the engine tells of itself: version, platform, where it keeps images.

        Raises:
            EngineUnavailable: it went away.
        """
        try:
            found: dict[str, Any] = self._quick.info()
        except Exception as e:
            raise self._gone("the question for what it is", e) from e
        return found

    def image(self, name: str) -> Image | None:
        """Give the image of that id or tag; None when there is none.

        Raises:
            EngineUnavailable: it went away.
        """
        found = self.inspect(name)
        if found is None:
            return None
        return Image(id=str(found["Id"]), platform=f"{found.get('Os') or 'linux'}/{found.get('Architecture', '')}")

    def has(self, image: str) -> bool:
        """Whether the engine has the image of that id.

        Raises:
            EngineUnavailable: it went away.
        """
        from docker.errors import APIError

        try:
            self._quick.inspect_image(image)
        except APIError:
            return False
        except Exception as e:
            raise self._gone("the look for an image", e) from e
        return True

    def inspect(self, image: str) -> dict[str, Any] | None:
        """Give what the engine knows of an image by its id or reference; None when it has none.

        Raises:
            EngineUnavailable: it went away.
        """
        from docker.errors import ImageNotFound

        try:
            found: dict[str, Any] = self._quick.inspect_image(image)
        except ImageNotFound:
            return None
        except Exception as e:
            raise self._gone("the look at an image", e) from e
        return found

    def resolve(self, reference: str) -> dict[str, Any]:
        """Ask an image's own registry, signed in as the person is there, for its digest and platforms.

        Raises:
            SourceError: the registry has no answer to that.
            EngineUnavailable: the engine went away.
        """
        with self._source("the question for an image"):
            found: dict[str, Any] = self._quick.inspect_distribution(reference)
            return found

    def pull(self, repository: str, digest: str, platform: str | None) -> Iterator[dict[str, Any]]:
        """Pull an image by its digest, signed in as the person is, and give the engine's records.

        Raises:
            SourceError: the registry does not give it.
            EngineUnavailable: the engine went away.
        """
        with self._source("the pull"):
            yield from self._streams.pull(repository, tag=digest, stream=True, decode=True, platform=platform)

    def tag(self, image: str, repository: str, tag: str) -> None:
        """Give an image one more name.

        Raises:
            EngineUnavailable: the image or the engine went away.
        """
        try:
            self._quick.tag(image, repository, tag)
        except Exception as e:
            raise self._gone("the tagging of an image", e) from e

    def untag(self, name: str) -> None:
        """Take a name away; whether that worked is not what a deployment fails of."""
        with suppress(Exception):
            self._quick.remove_image(name, noprune=True)

    def build(
        self, query: Mapping[str, Any], context: Iterator[bytes], *, sign_ins: bool = False
    ) -> Generator[dict[str, Any], None, None]:
        """Send a context and give the engine's records; a request that it refuses is a record with `error`.

        To close the generator is to end the build. `sign_ins`: lets the engine use the person's `docker login`s.

        Raises:
            EngineUnavailable: it went away.
        """
        headers = {"Content-Type": "application/x-tar"}
        if sign_ins:
            headers |= self._sign_ins()
        api = self._streams
        yield from self._told(lambda: records(api, api._url("/build"), query, headers, context), "the build")  # noqa: SLF001

    def push(self, repository: str, tag: str, *, username: str, password: str) -> Iterator[dict[str, Any]]:
        """Push a tag and give the engine's records.

        Raises:
            EngineUnavailable: it went away.
        """
        credentials = {"username": username, "password": password}
        yield from self._told(
            lambda: self._streams.push(repository, tag=tag, stream=True, decode=True, auth_config=credentials),
            "the push",
        )

    def reach(self, registry: str, *, username: str, password: str) -> None:
        """See that the engine itself reaches the registry: it may live in a virtual machine, or far away.

        Raises:
            RegistryUnreachable: it does not.
        """
        from docker.errors import APIError

        body = {"serveraddress": f"http://{registry}", "username": username, "password": password}
        api = self._quick
        try:
            api._result(api._post_json(api._url("/auth"), data=body), json=True)  # noqa: SLF001  login() reads ~/.docker
        except APIError as e:
            raise self._unreachable(registry, str(e.explanation)) from e
        except Exception as e:
            raise self._gone("the sign-in to the registry", e) from e

    def _sign_ins(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        try:
            self._streams._set_auth_headers(headers)  # noqa: SLF001
        except Exception:  # noqa: BLE001  a credential helper that fails is missed only by a base image that needs it
            return {}
        return headers

    @contextmanager
    def _source(self, what: str) -> Iterator[None]:
        """Tell what an image's own registry says no with from an engine that went away."""
        from docker.errors import APIError, DockerException

        try:
            yield
        except (GeneratorExit, KeyboardInterrupt):
            raise
        except APIError as e:
            raise SourceError(e.status_code, str(e.explanation or e)) from e
        except DockerException as e:  # of the SDK itself: a credential helper that is missing, or stumbles
            raise SourceError(None, str(e)) from e
        except Exception as e:
            raise self._gone(what, e) from e

    def _told(self, work: Any, what: str) -> Iterator[dict[str, Any]]:
        try:
            yield from work()
        except (GeneratorExit, KeyboardInterrupt, LocoError):
            raise
        except Exception as e:
            raise self._gone(what, e) from e

    def _unreachable(self, registry: str, reason: str) -> RegistryUnreachable:
        if "x509: certificate signed by unknown authority" in reason:
            hint = f"put the authority's certificate where the engine looks: /etc/docker/certs.d/{registry}/ca.crt"
        elif is_loopback(f"//{registry}"):
            hint = (
                "an engine in a virtual machine (Docker Desktop), a rootless or a remote one does not share this"
                " machine's loopback: use the engine that runs beside loco-server (unset DOCKER_HOST)"
            )
        else:
            hint = "see that the name, the network and the proxy are right for the engine, too (docker info)"
        return RegistryUnreachable(
            f"the container engine at {self.address} cannot reach the registry at {registry}: {reason}", hint=hint
        )

    def _gone(self, what: str, error: Exception) -> EngineUnavailable:
        return EngineUnavailable(
            f"the container engine at {self.address} broke off {what}: {str(error)[:300] or type(error).__name__}",
            hint="see that it runs (docker info), then: loco deploy",
        )


def connect() -> Engine:
    """Find the engine as the docker CLI does: DOCKER_HOST, the current context, the usual socket.

    Raises:
        EngineUnavailable: none answers.
    """
    import docker
    from docker.constants import DEFAULT_DOCKER_API_VERSION
    from docker.context import ContextAPI
    from docker.errors import DockerException

    address = os.environ.get("DOCKER_HOST", "")
    try:
        address = address or ContextAPI.kwargs_from_context().get("base_url", "unix:///var/run/docker.sock")
        # `_ping` tells all that has to be known; `/version`, which the SDK would ask, takes Podman half a second.
        quick = docker.from_env(version=DEFAULT_DOCKER_API_VERSION, timeout=QUICK_SECONDS).api
        about = _headers(quick)
        quick._version = about.get("api-version", DEFAULT_DOCKER_API_VERSION)  # noqa: SLF001
        streams = docker.from_env(version=quick._version, timeout=None).api  # noqa: SLF001
    except (DockerException, OSError, ValueError) as e:
        raise EngineUnavailable(
            f"no container engine answers at {address}: {str(e)[:300]}",
            hint="install or start Docker (Debian: apt-get install docker.io), then: loco deploy",
        ) from e
    if is_podman(about):
        from loco_cli.build.podman import Podman

        return Podman(quick, streams, address, about.get("libpod-api-version", ""))
    return Engine(quick, streams, address, has_buildkit=has_buildkit(about))


def is_podman(about: Mapping[str, str]) -> bool:
    """Whether what answered `GET /_ping` with these headers is Podman: its socket may have any name, Docker's too."""
    return "libpod-api-version" in about or "libpod" in about.get("server", "").lower()


def has_buildkit(about: Mapping[str, str]) -> bool:
    """Whether the engine's API builds with BuildKit; one for Windows containers does not."""
    try:
        version = tuple(int(number) for number in about.get("api-version", "").split("."))
    except ValueError:
        return False
    return version >= _BUILDKIT_SINCE and about.get("ostype", "linux") == "linux"


def _headers(api: Any) -> dict[str, str]:
    answer = api._get(api._url("/_ping", versioned_api=False))  # noqa: SLF001
    api._raise_for_status(answer)  # noqa: SLF001
    return {name.lower(): value for name, value in answer.headers.items()}


def records(
    api: Any, url: str, query: Mapping[str, Any], headers: Mapping[str, str], body: Iterator[bytes] | None = None
) -> Iterator[dict[str, Any]]:
    """Post, and give the answer's records, one JSON a line, as they come: the SDK knows neither BuildKit nor Podman."""
    answer = api._post(url, params=dict(query), data=body, headers=dict(headers), stream=True)  # noqa: SLF001
    # Closed whatever happens: the engine takes an open connection for somebody who still wants the work done.
    with answer:
        if answer.status_code >= 400:
            yield {"error": _message(answer.content)}
            return
        for line in answer.iter_lines(chunk_size=None):
            if line:
                yield json.loads(line)


def _message(body: bytes) -> str:
    """Give what a refused request was refused with."""
    try:
        return str(json.loads(body)["message"]).strip()
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace").strip()[:500] or "the engine gave no reason"
