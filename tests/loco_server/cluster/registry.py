"""A real Distribution by the configuration that is shipped, and the way to it that the Gateway's proxy goes."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from loco_server import keys
from tests.kube.schemas import ROOT
from tests.loco_server.cluster.serving import Replica
from tests.ports import free_port
from tests.registry_client import Image, digest
from tests.waiting import eventually

SHIPPED = ROOT / "deploy" / "kubernetes" / "base" / "registry.yaml"


@contextmanager
def distribution(folder: Path, keys_dir: Path) -> Iterator[str]:
    """Run it with the keys of a cluster; give its URL."""
    manifests = yaml.safe_load_all(SHIPPED.read_text())
    config = yaml.safe_load(next(each for each in manifests if each["kind"] == "ConfigMap")["data"]["config.yml"])
    port = free_port()
    config["http"]["addr"] = f"127.0.0.1:{port}"
    config["storage"]["filesystem"]["rootdirectory"] = str(folder / "images")
    config["auth"]["token"]["rootcertbundle"] = str(keys_dir / keys.UPSTREAM_CERTIFICATE)
    path = folder / "registry.yml"
    path.write_text(yaml.safe_dump(config))
    program = next(found for name in ("registry", "docker-registry") if (found := shutil.which(name)))
    secret = (keys_dir / keys.UPLOADS_KEY).read_text()
    with (folder / "registry.log").open("wb") as log:
        process = subprocess.Popen(
            [program, "serve", str(path)],
            stdout=log,
            stderr=log,
            env={"OTEL_TRACES_EXPORTER": "none", "REGISTRY_HTTP_SECRET": secret},
        )
    try:
        url = f"http://127.0.0.1:{port}"
        eventually(lambda: _answers(url))
        yield url
    finally:
        process.terminate()
        process.wait(timeout=10)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/v2/").status_code == 401
    except httpx.TransportError:
        return False


async def bought(server: Replica, ticket: dict[str, Any]) -> str:
    """Give a registry token that the ticket buys at a server."""
    scope = f"repository:{ticket['repository']}:pull,push"
    answer = await server.client.get(
        "/registry/token", params={"scope": scope}, auth=(ticket["username"], ticket["password"])
    )
    answer.raise_for_status()
    return str(answer.json()["token"])


async def asked(server: Replica, method: str, path: str, token: str) -> httpx.Response:
    """Ask a server what the proxy asks: may this request go on, and with which credential?"""
    url = f"http://127.0.0.1:{server.authorization}/gateway/authorize{path}"
    return await server.client.request(method, url, headers={"authorization": f"Bearer {token}"})


async def pushed(server: Replica, registry: str, ticket: dict[str, Any], image: Image) -> str:
    """Push, each request asked about as the proxy does; give the digest."""
    token, repository = await bought(server, ticket), ticket["repository"]
    async with httpx.AsyncClient(base_url=registry, trust_env=False) as client:

        async def sent(method: str, target: str, content: bytes = b"", kind: str = "") -> httpx.Response:
            allowed = await asked(server, method, target, token)
            assert allowed.status_code == 200, allowed.text
            headers = {"authorization": allowed.headers["authorization"], **({"content-type": kind} if kind else {})}
            answer = await client.request(method, target, content=content, headers=headers)
            assert answer.status_code in {201, 202}, answer.text
            return answer

        for blob in (*image.layers, image.config):
            begun = await sent("POST", f"/v2/{repository}/blobs/uploads/")
            await sent("PUT", f"{begun.headers['location']}&digest={digest(blob)}", blob)
        await sent("PUT", f"/v2/{repository}/manifests/{ticket['tag']}", image.manifest, image.media_type)
    return digest(image.manifest)
