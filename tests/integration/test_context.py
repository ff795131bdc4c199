"""What is sent is what `docker build` sends: our archive, and images built from it, beside the docker CLI's own."""

import io
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import docker
import hypothesis
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loco_cli.build import archive, files, ignore
from loco_cli.build.engine import Engine, connect
from loco_cli.build.image import Folder, Options
from loco_spec.build import Build
from tests import trees
from tests.trees import Thing

pytestmark = pytest.mark.engine
DOCKERFILE = "FROM scratch\nCOPY . /context/\n"
Found = dict[str, tuple[str, int, str | bytes]]
"""path → kind, mode, and target or content."""


_ANY_BEFORE = re.compile(r"\*\*[^/*\s]")


@dataclass(frozen=True)
class Cli:
    argv: tuple[str, ...]
    reads_exceptions: bool
    """A CLI before version 23 walks otherwise where a `!` takes something back, and does not find `ab` by `**b`."""


@pytest.fixture(scope="module")
def cli() -> Cli:
    """The docker CLI with BuildKit on PATH: one with buildx, else one that has it built in."""
    found = [shutil.which("docker", path=part) for part in os.environ["PATH"].split(os.pathsep)]
    paths = list(dict.fromkeys(path for path in found if path))
    for path in paths:
        if subprocess.run([path, "buildx", "version"], capture_output=True, check=False).returncode == 0:
            return Cli((path, "buildx", "build"), reads_exceptions=True)
    for path in paths:
        said = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
        version = re.search(r"version (\d+)", said)
        if version is not None and int(version[1]) < 23:
            return Cli((path, "build"), reads_exceptions=False)
    pytest.fail("these tests need a docker CLI with BuildKit")


@pytest.fixture
def engine(docker_client: docker.DockerClient, monkeypatch: pytest.MonkeyPatch) -> Engine:
    return connect()


@pytest.fixture
def fresh() -> Iterator[Callable[[], Path]]:
    """Give a new empty folder each time: hypothesis runs one test many times."""
    with tempfile.TemporaryDirectory(prefix="loco-context-") as root:
        count = iter(range(10**6))

        def make() -> Path:
            folder = Path(root) / str(next(count))
            folder.mkdir()
            return folder

        yield make


def read(tar: bytes, *, below: str = "") -> Found:
    """Give what is in an archive; a hard link is what it is a link to."""
    found: Found = {}
    with tarfile.open(fileobj=io.BytesIO(tar), encoding="utf-8", errors="surrogateescape") as opened:
        for member in opened:
            name = member.name.rstrip("/")
            if name == "." or not name.startswith(below) or name == below.rstrip("/"):
                continue
            name = name.removeprefix(below)
            if member.islnk():
                linked = found[member.linkname.lstrip("/").removeprefix(below)]
                found[name] = (linked[0], linked[1], linked[2])
            elif member.issym():
                found[name] = ("link", 0o777, member.linkname)
            elif member.isdir():
                found[name] = ("folder", member.mode & 0o7777, "")
            else:
                content = opened.extractfile(member)
                assert content is not None, f"{name} is neither file, folder nor link"
                found[name] = ("file", member.mode & 0o7777, content.read())
    return found


def ours(context: Path, dockerfile: str = "Dockerfile") -> Found:
    found = files.listing(context, files.rules(context, dockerfile), dockerfile)
    return read(b"".join(archive.stream(context, found.entries)))


def by_cli(cli: Cli, context: Path, dockerfile: str = "Dockerfile") -> Found:
    """Give what `COPY . /` puts into an image of the docker CLI, which reads the folder by itself."""
    argv = [*cli.argv, "--quiet", "--output=type=tar,dest=-", f"--file={context / dockerfile}", str(context)]
    done = subprocess.run(argv, capture_output=True, check=False, env={**os.environ, "DOCKER_BUILDKIT": "1"})
    assert done.returncode == 0, done.stderr.decode()
    return read(done.stdout, below="context/")


def by_engine(engine: Engine, client: docker.DockerClient, folder: Path, build: Build | None = None) -> Found:
    """Give what it puts into an image that the engine builds from our archive."""
    options = Options(args={}, builder="engine", no_cache=True)
    made = Folder(folder, build or Build(), options)
    image = made.image(engine, tag="loco-test/context:1", say=lambda _: None, working=lambda _: None)
    container = client.api.create_container(image, command="none")
    try:
        return read(b"".join(client.api.export(container)), below="context/")
    finally:
        client.api.remove_container(container)
        client.api.remove_image(image, force=True)


def seen_by_copy(context: Path, dockerfile: str = "Dockerfile") -> Found:
    """Give our archive without the Dockerfile where the rules leave it out: BuildKit reads it beside the context."""
    found = ours(context, dockerfile)
    rules = ignore.load(context, dockerfile)
    if rules is not None and rules.ignores(dockerfile):
        del found[dockerfile]
    return found


@st.composite
def contexts(draw: st.DrawFn) -> tuple[dict[str, Thing], list[str], bool]:
    takes_back = draw(st.booleans())
    return draw(trees.trees), draw(trees.docker_lines(takes_back=takes_back)), takes_back


def prepare(context: Path, tree: Mapping[str, Thing], lines: list[str]) -> None:
    trees.write(context, tree)
    (context / "Dockerfile").write_text(DOCKERFILE)
    (context / ".dockerignore").write_text("\n".join(lines))


def without_contradictions(image: Found, archive: Found, context: Path) -> Found:
    """Drop what BuildKit lists and then refuses to read: it arrives empty, and its folder only because of it.

    `a`, `!a/b`, `a` has it list a/b, as its walk does not ask the last line what it asked the first, and then ask
    all of them when the content is wanted. The lines say no.
    """
    kept = {
        path: item
        for path, item in image.items()
        if path in archive or item[0] != "file" or item[2] or not (context / path).stat().st_size
    }
    dropped = image.keys() - kept.keys()
    for path in sorted(kept, reverse=True):
        if kept[path][0] == "folder" and path not in archive and any(gone.startswith(f"{path}/") for gone in dropped):
            del kept[path]
    return kept


def test_generated_folders_are_sent_as_the_docker_cli_sends_them(
    cli: Cli,
    engine: Engine,
    docker_client: docker.DockerClient,
    fresh: Callable[[], Path],
    size: Callable[[str], int],
    seed: int,
) -> None:
    compared = 0

    @hypothesis.seed(seed)
    @settings(
        max_examples=size("contexts"),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(contexts())
    def holds(made: tuple[dict[str, Thing], list[str], bool]) -> None:
        nonlocal compared
        tree, lines, takes_back = made
        context = fresh()
        prepare(context, tree, lines)
        archived = ours(context)
        assert by_engine(engine, docker_client, context) == archived
        read_otherwise = takes_back or any(_ANY_BEFORE.search(line) for line in lines)
        if cli.reads_exceptions or not read_otherwise:
            seen = seen_by_copy(context)
            assert without_contradictions(by_cli(cli, context), seen, context) == seen
            compared += 1

    holds()
    assert compared > 0


@pytest.mark.parametrize(
    ("lines", "sent"),
    [
        # Anchored at the top, unlike git's.
        (["node_modules"], "a.log a.py lib lib/a.log lib/node_modules lib/node_modules/x src src/b.py"),
        (["*.log", "/src"], "a.py lib lib/a.log lib/node_modules lib/node_modules/x node_modules node_modules/keep"),
        (["lib/", "src/../node_modules"], "a.log a.py src src/b.py"),
        (["**/*.log", "**/node_modules"], "a.py lib src src/b.py"),
        ([" #x", "#lib", "\ufefflib", "lib", "src", "node_modules"], "a.log a.py"),
        (["*", "!src", "src/b.py", "!a.py"], "a.py src"),
        (["*", "!**/*.py"], "a.py src src/b.py"),
        # docker-py sends node_modules/a/b in the first, and loses lib/node_modules/x in the second.
        (
            ["**/node_modules", "!node_modules/keep"],
            "a.log a.py lib lib/a.log node_modules node_modules/keep src src/b.py",
        ),
        (["*", "**/node_modules", "!**/x"], "lib lib/node_modules lib/node_modules/x"),
        (
            ["**/*.py", "!src"],
            "a.log lib lib/a.log lib/node_modules lib/node_modules/x node_modules node_modules/keep src",
        ),
        (["*", "!nothing/there"], ""),
        (
            ["lib", "lib", "!lib/a.log", "!lib/node_modules", "lib/node_modules/*", "src", "node_modules", "a*"],
            "lib lib/a.log lib/node_modules",
        ),
    ],
)
def test_golden_cases(
    cli: Cli, engine: Engine, docker_client: docker.DockerClient, tmp_path: Path, lines: list[str], sent: str
) -> None:
    for path in ("a.py", "a.log", "src/b.py", "lib/a.log", "lib/node_modules/x", "node_modules/keep"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(path)
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    lines = [*lines, "Dockerfile", ".dockerignore", "home"]
    (tmp_path / ".dockerignore").write_text("\n".join(lines), encoding="utf-8")
    expected = sent.split()
    assert sorted(by_engine(engine, docker_client, tmp_path)) == sorted(["Dockerfile", *expected])
    if cli.reads_exceptions or not any(line.startswith("!") for line in lines):
        assert sorted(by_cli(cli, tmp_path)) == sorted(expected)


def test_the_ignore_file_beside_the_dockerfile_wins(
    cli: Cli, engine: Engine, docker_client: docker.DockerClient, tmp_path: Path
) -> None:
    app = tmp_path / "app"
    (app / "docker").mkdir(parents=True)
    for name in ("a", "b"):
        (app / name).touch()
    (app / ".dockerignore").write_text("a\n")
    (app / "docker" / "web").write_text(DOCKERFILE)
    (app / "docker" / "web.dockerignore").write_text("b\ndocker\n")
    assert sorted(by_cli(cli, app, "docker/web")) == [".dockerignore", "a"]
    found = by_engine(engine, docker_client, app, Build(dockerfile="docker/web"))
    # The folder is made on the way to the Dockerfile, which has to be in an archive.
    assert sorted(found) == [".dockerignore", "a", "docker", "docker/web"]


def test_an_ignored_dockerfile_that_is_a_link_is_built_from(
    cli: Cli, engine: Engine, docker_client: docker.DockerClient, tmp_path: Path
) -> None:
    app = tmp_path / "app"
    (app / "docker").mkdir(parents=True)
    (app / "docker" / "real").write_text(DOCKERFILE)
    (app / "Dockerfile").symlink_to("docker/real")
    (app / ".dockerignore").write_text("*\n!kept\n")
    (app / "kept").write_text("kept")
    assert sorted(by_engine(engine, docker_client, app)) == ["Dockerfile", "docker", "docker/real", "kept"]
    if cli.reads_exceptions:
        assert sorted(by_cli(cli, app)) == ["kept"]


def test_without_an_ignore_file_for_docker_what_git_ignores_is_not_in_the_image(
    engine: Engine, docker_client: docker.DockerClient, tmp_path: Path
) -> None:
    app = tmp_path / "app"
    (app / ".git").mkdir(parents=True)
    (app / ".git" / "HEAD").touch()
    (app / ".gitignore").write_text(".env\n")
    (app / ".env").write_text("A=1")
    (app / "Dockerfile").write_text(DOCKERFILE)
    assert sorted(by_engine(engine, docker_client, app)) == [".gitignore", "Dockerfile"]
