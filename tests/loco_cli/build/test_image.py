"""Whether a build is needed, by whom it is done, and what is refused before it begins."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loco_cli.build import files
from loco_cli.build.builders import buildx, docker_cli
from loco_cli.build.image import Folder, Options
from loco_spec.build import Build
from loco_spec.errors import BuildFailed, LocoError, SecretFilesFound, UsageError
from tests.loco_cli.build.docker import BUILT, Docker, trace
from tests.loco_cli.build.protobuf import CACHED, started, vertex
from tests.loco_cli.samples import DIGEST, IMAGE

HERE = "http://127.0.0.1:7070 ann/shop"


@pytest.fixture
def src(folder: Path) -> Path:
    (folder / "Dockerfile").write_text("FROM scratch")
    (folder / "app.py").write_text("one")
    return folder


def read(folder: Path, build: Build | None = None, **options: Any) -> Folder:
    return Folder(folder, build or Build(), Options(**{"args": {}, "builder": "engine", **options}))


class Told:
    def __init__(self) -> None:
        self.said: list[str] = []
        self.working: list[str] = []

    def image(self, folder: Folder, docker: Docker) -> str:
        return folder.image(docker.engine(), tag="shop", say=self.said.append, working=self.working.append)


def built(folder: Folder, docker: Docker) -> bool:
    """Make sure of the image; tell whether that took a build."""
    before = docker.asked.count("POST /build")
    assert Told().image(folder, docker) == IMAGE
    return docker.asked.count("POST /build") > before


def test_an_unchanged_folder_is_built_once(src: Path) -> None:
    docker = Docker()
    first = read(src)
    assert not first.unchanged
    assert built(first, docker)
    again = read(src)
    assert again.unchanged
    told = Told()
    assert told.image(again, docker) == IMAGE
    assert told.said == ["nothing changed since the last build; its image is used again"]
    assert docker.asked == ["POST /build", f"inspect {IMAGE}", f"inspect {IMAGE}"]  # it was built, it is there still


def test_an_image_that_the_engine_has_no_more_is_built_again(src: Path) -> None:
    docker = Docker()
    built(read(src), docker)
    docker.images.clear()
    assert built(read(src), docker)


def spoil_nothing(src: Path) -> None:
    pass


def other_content(src: Path) -> None:
    (src / "app.py").write_text("another")


def other_dockerfile(src: Path) -> None:
    (src / "Dockerfile").write_text("FROM scratch AS x")


@pytest.mark.parametrize(
    ("change", "build", "options"),
    [
        (other_content, {}, {}),
        (other_dockerfile, {}, {}),
        (spoil_nothing, {"target": "runtime"}, {}),
        (spoil_nothing, {"platform": "linux/arm64"}, {}),
        (spoil_nothing, {"args": {"A": "1"}}, {}),
        (spoil_nothing, {}, {"args": {"A": "1"}}),
        (spoil_nothing, {}, {"no_cache": True}),
        (spoil_nothing, {}, {"pull": True}),
    ],
)
def test_whatever_could_make_another_image_is_a_build(
    src: Path, change: Callable[[Path], None], build: dict[str, Any], options: dict[str, Any]
) -> None:
    docker = Docker()
    built(read(src), docker)
    change(src)
    assert built(read(src, Build(**build), **options), docker)


def test_what_was_pushed_where_is_remembered_until_something_changes(src: Path) -> None:
    docker = Docker()
    folder = read(src)
    assert folder.pushed(HERE) is None
    built(folder, docker)
    folder.remember_pushed(HERE, DIGEST)
    assert read(src).pushed(HERE) == DIGEST
    assert read(src).pushed("https://loco.example.com ann/shop") is None
    assert read(src, no_cache=True).pushed(HERE) is None
    other_content(src)
    assert read(src).pushed(HERE) is None


def test_a_build_that_gave_the_same_image_keeps_what_was_pushed(src: Path) -> None:
    docker = Docker()
    folder = read(src)
    built(folder, docker)
    folder.remember_pushed(HERE, DIGEST)
    docker.images.clear()
    built(read(src), docker)
    assert read(src).pushed(HERE) == DIGEST
    other = Docker(builds=[{"id": "moby.image.id", "aux": {"ID": "sha256:other"}}])
    other_content(src)
    Told().image(read(src), other)
    assert read(src).pushed(HERE) is None


def test_a_build_tells_its_own_steps_and_counts_them(src: Path) -> None:
    steps = (
        vertex("a", "[internal] load build definition", started(1))
        + vertex("b", "[1/2] FROM base", CACHED)
        + vertex("c", "[2/2] RUN make", started(1))
        + vertex("d", "exporting to image", started(1))
    )
    told = Told()
    told.image(read(src), Docker(builds=[trace(steps), *BUILT]))
    assert told.said == ["building [1/2] FROM base", "building [2/2] RUN make", "built: 2 steps, 1 cached"]
    assert told.working == [
        "building: [1/2] FROM base",
        "cached: [1/2] FROM base",
        "building: [2/2] RUN make",
        "building: exporting to image",
    ]


def refused(kind: type[LocoError], folder: Path, **build: Any) -> LocoError:
    with pytest.raises(kind) as caught:
        read(folder, Build(**build))
    return caught.value


def test_a_folder_without_its_dockerfile_is_refused(src: Path) -> None:
    found = refused(BuildFailed, src, dockerfile="web.Dockerfile")
    assert found.message == f"there is no web.Dockerfile in {src}"
    (src / "Dockerfile").unlink()
    (src / "Dockerfile").mkdir()
    assert refused(BuildFailed, src).message == f"{src}/Dockerfile is a folder"


def test_a_context_that_is_none_is_refused(src: Path) -> None:
    found = refused(BuildFailed, src, context="nowhere", dockerfile="nowhere/Dockerfile")
    assert found.message == f"the build context {src}/nowhere is not a folder"


def test_a_dockerfile_lies_in_its_context(src: Path) -> None:
    (src / "web").mkdir()
    found = refused(BuildFailed, src, context="web")
    assert found.message == f"the Dockerfile Dockerfile is not inside the build context {src}/web"
    (src / "web/Dockerfile").write_text("FROM scratch")
    docker = Docker()
    built(read(src, Build(context="web", dockerfile="web/Dockerfile")), docker)
    assert docker.query["dockerfile"] == "Dockerfile"


def test_the_dockerfile_is_sent_though_it_is_ignored(src: Path) -> None:
    (src / ".dockerignore").write_text("*\n")
    assert [entry.path for entry in read(src).files] == ["Dockerfile"]


def test_secrets_are_named_five_of_them_at_most(src: Path) -> None:
    for n in range(7):
        (src / f"{n}.pem").touch()
    with pytest.raises(SecretFilesFound) as caught:
        read(src).check(pytest.fail)
    assert caught.value.message.endswith(": 0.pem, 1.pem, 2.pem, 3.pem, 4.pem and 2 more")
    read(src, Build(allow=("*.pem",))).check(pytest.fail)


def test_a_large_context_is_told_with_what_is_large_in_it(src: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (src / "data").mkdir()
    (src / "data/dump").write_bytes(b"x" * 2000)
    monkeypatch.setattr(files, "LARGE_BYTES", 2014)
    said: list[str] = []
    read(src).check(said.append)
    assert said == ["the build context has 2.0 KB; the largest: data/ 2.0 KB; a .dockerignore makes it smaller"]
    monkeypatch.setattr(files, "LARGE_BYTES", 2015)
    read(src).check(pytest.fail)


def test_without_a_docker_cli_auto_builds_by_the_api_and_a_named_one_is_refused(
    src: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert built(read(src, builder="auto"), Docker())
    with pytest.raises(UsageError, match="the builder 'docker' cannot build here") as caught:
        Told().image(read(src, builder="docker", no_cache=True), Docker())
    assert caught.value.hint == "loco deploy --builder auto"


def test_with_a_docker_cli_auto_builds_by_it(src: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buildx.Buildx, "missing", lambda _: "not here")
    monkeypatch.setattr(docker_cli.DockerCli, "missing", lambda _: "")
    monkeypatch.setattr(docker_cli.DockerCli, "build", lambda *_: "sha256:by the cli")
    assert Told().image(read(src, builder="auto"), Docker()) == "sha256:by the cli"
    assert Told().image(read(src, builder="engine", no_cache=True), Docker()) == IMAGE
