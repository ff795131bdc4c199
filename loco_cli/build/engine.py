"""The container engine of the person's own machine, through the Docker SDK."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from loco_spec.errors import EngineUnavailable, LocoError, RegistryUnreachable

QUICK_SECONDS = 20


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

    def __init__(self, quick: Any, streams: Any, address: str) -> None:
        self._quick = quick
        self._streams = streams
        self.address = address

    def answers(self) -> bool:
        try:
            return bool(self._quick.ping())
        except Exception:  # noqa: BLE001  requests, urllib3, docker: each has its own ways to say no
            return False

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

    def build(self, query: Mapping[str, Any], context: Iterator[bytes]) -> Iterator[dict[str, Any]]:
        """Send a context and give the engine's records.

        Raises:
            EngineUnavailable: it went away.
        """
        api = self._streams
        headers = {"Content-Type": "application/x-tar"}
        yield from self._told(
            lambda: api._stream_helper(  # noqa: SLF001  the SDK has no BuildKit: its own request does
                api._post(api._url("/build"), params=query, data=context, headers=headers, stream=True),  # noqa: SLF001
                decode=True,
            ),
            "the build",
        )

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
            raise RegistryUnreachable(
                f"the container engine at {self.address} cannot reach the registry at {registry}: {e.explanation}",
                hint="an engine in a virtual machine (Docker Desktop), a rootless or a remote one does not share this"
                " machine's loopback: use the engine that runs beside loco-server (unset DOCKER_HOST)",
            ) from e
        except Exception as e:
            raise self._gone("the sign-in to the registry", e) from e

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
    from docker.context import ContextAPI
    from docker.errors import DockerException

    address = os.environ.get("DOCKER_HOST", "")
    try:
        address = address or ContextAPI.kwargs_from_context().get("base_url", "unix:///var/run/docker.sock")
        quick = docker.from_env(version="auto", timeout=QUICK_SECONDS).api
        streams = docker.from_env(version="auto", timeout=None).api
        quick.ping()
    except (DockerException, OSError, ValueError) as e:
        raise EngineUnavailable(
            f"no container engine answers at {address}: {str(e)[:300]}",
            hint="install or start Docker (Debian: apt-get install docker.io), then: loco deploy",
        ) from e
    return Engine(quick, streams, address)
