"""Images for tests, made from Debian's static busybox: nothing is ever pulled."""

import gzip
import io
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

import docker
from docker.errors import ImageNotFound

BASE = "loco-test/base:1"
BUSYBOX = Path("/bin/busybox")
ETC = {
    "etc/passwd": b"root:x:0:0:root:/root:/bin/sh\napp:x:10001:10001:app:/:/bin/sh\n",
    "etc/group": b"root:x:0:\napp:x:10001:\n",
    "etc/nsswitch.conf": b"hosts: files dns\n",
}


def base_image(client: docker.DockerClient) -> str:
    """Import the busybox root file system as `loco-test/base:1`, once per engine; give its name."""
    try:
        client.images.get(BASE)
    except ImageNotFound:
        name, _, tag = BASE.partition(":")
        client.api.import_image_from_data(root_file_system(), repository=name, tag=tag)
    return BASE


def build(client: docker.DockerClient, dockerfile: str, files: Mapping[str, bytes] | None = None) -> str:
    """Build with the engine's own builder (the layer cache makes a second time quick); give the image's id.

    Dockerfiles start with `FROM loco-test/base:1`. Files ending in `.sh` are executable.

    Raises:
        AssertionError: the build failed; carries its output.
    """
    base_image(client)
    context = _archive({"Dockerfile": dockerfile.encode(), **(files or {})})
    output: list[str] = []
    image = ""
    for record in client.api.build(
        fileobj=io.BytesIO(context), custom_context=True, rm=True, forcerm=True, decode=True
    ):
        assert "error" not in record, "".join([*output, str(record["error"])])
        output.append(str(record.get("stream", "")))
        image = str(record.get("aux", {}).get("ID", image))
    assert image, "".join(output)
    return image


def _archive(files: Mapping[str, bytes]) -> bytes:
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in sorted(files.items()):
            _add(archive, name, content, 0o755 if name.endswith(".sh") else 0o644)
    return body.getvalue()


def root_file_system() -> bytes:
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for folder, mode in {
            "bin": 0o755,
            "dev": 0o755,
            "etc": 0o755,
            "root": 0o700,
            "tmp": 0o1777,
            "www": 0o755,
        }.items():
            entry = _entry(folder, mode)
            entry.type = tarfile.DIRTYPE
            archive.addfile(entry)
        _add(archive, "bin/busybox", BUSYBOX.read_bytes(), 0o755)
        for applet in _applets():
            link = _entry(f"bin/{applet}", 0o777)
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)
        for name, content in ETC.items():
            _add(archive, name, content, 0o644)
    return gzip.compress(body.getvalue(), compresslevel=1, mtime=0)


def _applets() -> list[str]:
    listing = subprocess.run([BUSYBOX, "--list"], check=True, capture_output=True, text=True).stdout
    return [applet for applet in listing.split() if applet != "busybox"]


def _add(archive: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    entry = _entry(name, mode)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


def _entry(name: str, mode: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.mode, entry.mtime = mode, 1_700_000_000
    return entry
