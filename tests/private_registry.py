"""Somebody else's registry: a real Distribution on loopback, which engines take without TLS, open or with a sign-in."""

import contextlib
import ctypes
import ctypes.util
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
import httpx
from docker.errors import ImageNotFound

from tests.ports import free_port
from tests.registry_client import OCI_INDEX, OCI_MANIFEST, Image, digest
from tests.waiting import eventually

USER, PASSWORD = "ann", "secret"
_SALT = b"$2b$04$XS1lxEWmdIq4SVsiqh8ShO"


class PrivateRegistry:
    def __init__(self, folder: Path, *, signed_in: bool, password: str = PASSWORD) -> None:
        self.host = f"127.0.0.1:{free_port()}"
        self._folder = folder
        self._credentials = (USER, password) if signed_in else None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        auth = {}
        if self._credentials is not None:
            (self._folder / "htpasswd").write_text(_htpasswd(*self._credentials))
            auth = {"auth": {"htpasswd": {"realm": "private", "path": str(self._folder / "htpasswd")}}}
        path = self._folder / "config.yml"
        storage = {"filesystem": {"rootdirectory": str(self._folder / "data")}}
        log = {"level": "error", "accesslog": {"disabled": True}}
        path.write_text(
            json.dumps({"version": "0.1", "log": log, "storage": storage, "http": {"addr": self.host}, **auth})
        )
        binary = shutil.which("docker-registry") or shutil.which("registry")
        assert binary is not None
        with (self._folder / "log").open("ab") as output:
            self._process = subprocess.Popen([binary, "serve", str(path)], stdout=output, stderr=output)
        eventually(self._answers)

    def stop(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def push(self, client: docker.DockerClient, image: str, name: str, tag: str) -> str:
        """Push an image of the engine's, take the name away again, and give the digest."""
        repository = f"{self.host}/{name}"
        client.api.tag(image, repository, tag)
        auth = (
            None if self._credentials is None else dict(zip(("username", "password"), self._credentials, strict=True))
        )
        found = ""
        for record in client.api.push(repository, tag=tag, stream=True, decode=True, auth_config=auth):
            assert "error" not in record, record["error"]
            found = str(record.get("aux", {}).get("Digest", found))
        client.images.remove(f"{repository}:{tag}", noprune=True)
        with contextlib.suppress(ImageNotFound):  # it went with the tag, where that was the only one
            client.images.remove(f"{repository}@{found}", noprune=True)
        return found

    def index(self, name: str, tag: str, *, own: str | None = None) -> str:
        """Tag an index of a made-up image for arm64 and, where given, of one that was pushed to the same repository."""
        image = Image([b"no real layer"], architecture="arm64")
        with httpx.Client(base_url=f"http://{self.host}/v2/{name}", auth=self._credentials) as client:
            for blob in (*image.layers, image.config):
                place = client.post("/blobs/uploads/").headers["location"]
                client.put(f"{place}&digest={digest(blob)}", content=blob).raise_for_status()
            headers = {"content-type": OCI_MANIFEST}
            client.put(f"/manifests/{digest(image.manifest)}", content=image.manifest, headers=headers)
            entries = [(digest(image.manifest), image.manifest, OCI_MANIFEST, "arm64")]
            if own is not None:
                accept = "application/vnd.docker.distribution.manifest.v2+json"
                content = client.get(f"/manifests/{own}", headers={"accept": accept}).content
                entries.append((own, content, accept, "amd64"))
            manifests = [
                {
                    "digest": name_,
                    "size": len(content),
                    "mediaType": kind,
                    "platform": {"os": "linux", "architecture": architecture},
                }
                for name_, content, kind, architecture in entries
            ]
            body = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests}).encode()
            client.put(f"/manifests/{tag}", content=body, headers={"content-type": OCI_INDEX}).raise_for_status()
        return digest(body)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "log").read_text()
        try:
            return httpx.get(f"http://{self.host}/v2/").status_code in {200, 401}
        except httpx.TransportError:
            return False


def _htpasswd(user: str, password: str) -> str:
    """Hash with bcrypt, which Distribution demands and Python's own library lacks: by the C library's `crypt`."""
    library = ctypes.CDLL(ctypes.util.find_library("crypt"))
    library.crypt.restype = ctypes.c_char_p
    hashed: bytes = library.crypt(password.encode(), _SALT)
    return f"{user}:{hashed.decode()}\n"


@contextmanager
def private_registry(*, signed_in: bool = False, password: str = PASSWORD) -> Iterator[PrivateRegistry]:
    with tempfile.TemporaryDirectory(prefix="loco-private-") as folder:
        found = PrivateRegistry(Path(folder), signed_in=signed_in, password=password)
        try:
            found.start()
            yield found
        finally:
            found.stop()
