"""Whether what test_sentinel.py searches with finds anything: secrets planted where none may be."""

import gzip
import json
import subprocess
import sys
from base64 import b64encode
from pathlib import Path
from secrets import token_hex

import docker
import pytest

from loco_server.engines.docker import names
from tests import images
from tests.e2e.searching import Search
from tests.e2e.watching import made, processes
from tests.waiting import eventually


@pytest.mark.parametrize("before", [b"", b"u", b"us", b"user:"])
def test_a_secret_in_base64_is_found_wherever_it_begins(before: bytes) -> None:
    search = Search()
    secret = search.plant("it", token_hex(8)).encode()
    assert search.in_content("a header", b"Basic " + b64encode(before + secret + b"/after"))
    assert not search.in_content("a header", b"Basic " + b64encode(before + secret[::-1] + b"/after"))


def test_a_secret_is_found_in_a_layer_in_a_cut_one_and_behind_another(tmp_path: Path) -> None:
    search = Search()
    secret = search.plant("it", token_hex(8)).encode()
    layer = gzip.compress(b"\0" * 500_000 + secret + b"\0" * 500_000)
    (tmp_path / "whole").write_bytes(layer)
    (tmp_path / "cut").write_bytes(layer[:-40])
    (tmp_path / "second").write_bytes(gzip.compress(b"another") + layer)
    (tmp_path / "none").write_bytes(gzip.compress(secret[::-1]))
    search.folder(tmp_path)
    assert [each.place for each in search.findings()] == ["file cut", "file second", "file whole"]


@pytest.mark.parametrize(
    "form", [str, json.dumps, lambda text: text.encode().hex(), lambda text: text[:60], lambda text: text[-12:]]
)
def test_a_secret_is_found_in_other_writing_and_when_the_half_is_missing(form: object) -> None:
    search = Search()
    secret = search.plant("it", f'{token_hex(20)} "é/&{token_hex(20)}')
    assert callable(form)
    search.keep("a text", f"before {form(secret)} after")
    assert [each.sentinel for each in search.findings()] == ["it"]


def test_a_secret_in_the_arguments_or_environment_of_a_process_is_found(tmp_path: Path) -> None:
    search, secret = Search(), token_hex(8)
    waits = [sys.executable, "-c", "input()"]
    argv = [*waits, str(tmp_path), secret]
    with processes(tmp_path) as running, subprocess.Popen(argv, stdin=subprocess.PIPE, env={"A": secret}):
        before = running.looks
        eventually(lambda: running.looks > before + 1)
    running.tell(search)
    search.plant("it", secret)
    found = {each.place.partition(" of ")[0] for each in search.findings()}
    assert found == {"argv", "environment"}


@pytest.mark.engine
def test_a_secret_in_an_engines_record_is_found(docker_client: docker.DockerClient, base_image: str) -> None:
    search = Search()
    secret = search.plant("it", token_hex(8))
    tag = f"loco-test-{token_hex(4)}:1"
    image = images.build(docker_client, f"FROM {base_image}\nENV A={secret}\nLABEL B={secret}\n")
    docker_client.api.tag(image, *tag.split(":"))
    try:
        with made(docker_client, search, image=tag) as containers:
            labels = {names.APP: "it"}
            container = docker_client.containers.create(tag, labels=labels, environment={"C": secret}, command="true")
            eventually(lambda: containers.apps)
            container.remove()
            assert containers.images(tag) == 1
    finally:
        docker_client.images.remove(tag)
    found = {each.place.partition(f" {tag}")[0].partition(container.name)[0] for each in search.findings()}
    assert found >= {"Config.Env of a container of it", "docker inspect ", "docker inspect", "docker history"}
