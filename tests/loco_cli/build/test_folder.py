"""A folder before it is built: where its Dockerfile is, what is said of it, and when an image is taken for it again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loco_cli.build import image
from loco_cli.build.builders.base import Recipe
from loco_cli.build.image import Folder, Options
from loco_spec.build import Build
from loco_spec.errors import BuildFailed, SecretFilesFound


def folder(root: Path, **build: Any) -> Folder:
    return Folder(root, Build(**build), Options(args={}))


def write(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("x")


class FakeBuilder:
    """Builds image after image, and does on the way what the test wants done."""

    def __init__(self) -> None:
        self.recipes: list[Recipe] = []
        self.meanwhile: Callable[[], None] = lambda: None

    def build(self, recipe: Recipe, _progress: object) -> str:
        self.recipes.append(recipe)
        self.meanwhile()
        return f"sha256:{len(self.recipes)}"


class FakeEngine:
    def has(self, _image: str) -> bool:
        return True


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A folder without the cache in it."""
    folder = tmp_path / "app"
    folder.mkdir()
    return folder


@pytest.fixture
def builder(monkeypatch: pytest.MonkeyPatch) -> FakeBuilder:
    found = FakeBuilder()
    monkeypatch.setattr(image, "choose", lambda *_: found)
    return found


def build(root: Path) -> str:
    return folder(root).image(FakeEngine(), tag="x", say=lambda _: None, working=lambda _: None)  # type: ignore[arg-type]


def test_the_dockerfile_is_named_from_the_context(tmp_path: Path) -> None:
    write(tmp_path, "web/docker/Dockerfile")
    assert folder(tmp_path, dockerfile="web/docker/Dockerfile").dockerfile == "web/docker/Dockerfile"
    assert folder(tmp_path, dockerfile="web/docker/Dockerfile", context="web").dockerfile == "docker/Dockerfile"


def test_a_dockerfile_outside_the_context_is_told(tmp_path: Path) -> None:
    write(tmp_path, "Dockerfile", "web/a")
    with pytest.raises(BuildFailed, match="the Dockerfile Dockerfile is not inside the build context"):
        folder(tmp_path, context="web")


def test_a_dockerfile_that_is_a_link_out_of_the_context_is_told(tmp_path: Path) -> None:
    write(tmp_path, "real", "web/a")
    (tmp_path / "web" / "Dockerfile").symlink_to("../real")
    with pytest.raises(BuildFailed, match=f"a link to {tmp_path}/real, is not inside"):
        folder(tmp_path / "web")


def test_a_dockerfile_that_is_a_link_keeps_its_name_only_where_the_docker_cli_can_follow_it(tmp_path: Path) -> None:
    write(tmp_path, "real", "docker/real")
    (tmp_path / "Dockerfile").symlink_to("docker/real")
    (tmp_path / "docker" / "Dockerfile").symlink_to("../real")
    assert folder(tmp_path).dockerfile == "Dockerfile"
    assert folder(tmp_path, dockerfile="docker/Dockerfile").dockerfile == "real"


def test_a_folder_in_the_dockerfiles_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").mkdir()
    with pytest.raises(BuildFailed, match="Dockerfile is a folder"):
        folder(tmp_path)


def test_a_missing_dockerfile_and_a_broken_link_are_told(tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match="there is no Dockerfile in"):
        folder(tmp_path)
    (tmp_path / "Dockerfile").symlink_to("nowhere")
    with pytest.raises(BuildFailed, match="there is no Dockerfile in"):
        folder(tmp_path)


def test_a_missing_context_is_told(tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match=r"the build context .*web is not a folder"):
        folder(tmp_path, context="web")


def test_that_gits_rules_are_used_is_said_where_they_leave_something_out(tmp_path: Path) -> None:
    write(tmp_path, "Dockerfile", ".git/HEAD", ".env")
    (tmp_path / ".gitignore").write_text(".env\n")
    said: list[str] = []
    folder(tmp_path).check(said.append)
    assert said == ["no .dockerignore: files that .gitignore names, and .git, are left out"]


def test_nothing_is_said_where_nothing_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, "Dockerfile")
    (tmp_path / ".gitignore").write_text(".env\n")
    said: list[str] = []
    folder(tmp_path).check(said.append)
    assert said == []


def test_with_a_docker_ignore_file_that_does_not_name_it_the_repository_stops_the_deploy(tmp_path: Path) -> None:
    write(tmp_path, "Dockerfile", ".git/HEAD", ".dockerignore")
    with pytest.raises(SecretFilesFound, match=r"\.git$"):
        folder(tmp_path).check(lambda _: None)


def test_a_large_context_names_its_five_largest_paths(tmp_path: Path) -> None:
    write(tmp_path, "Dockerfile", *(f"data{number}/x" for number in range(6)), "small")
    for number in range(6):
        with (tmp_path / f"data{number}/x").open("r+") as file:
            file.truncate(20_000_000 + number * 1_000_000)
    said: list[str] = []
    folder(tmp_path).check(said.append)
    largest = "data5/ 25.0 MB, data4/ 24.0 MB, data3/ 23.0 MB, data2/ 22.0 MB, data1/ 21.0 MB"
    assert said == [f"the build context has 135.0 MB; the largest: {largest}; a .dockerignore makes it smaller"]


def test_an_unchanged_folder_is_not_built_again(app: Path, builder: FakeBuilder) -> None:
    write(app, "Dockerfile")
    assert [build(app), build(app)] == ["sha256:1", "sha256:1"]
    write(app, "more")
    assert build(app) == "sha256:2"


def test_an_image_built_while_the_folder_changed_is_not_taken_for_either(app: Path, builder: FakeBuilder) -> None:
    write(app, "Dockerfile", "a")
    builder.meanwhile = lambda: write(app, "b")
    assert build(app) == "sha256:1"
    builder.meanwhile = lambda: None
    (app / "b").unlink()
    assert build(app) == "sha256:2"


@pytest.mark.parametrize(
    ("ignore", "as_archive", "takes_back"),
    [
        ({".gitignore": "secret\n"}, True, False),
        ({".gitignore": "nothing\n"}, False, False),
        ({".dockerignore": "secret\n"}, False, False),
        ({".dockerignore": "*\n!secret\n"}, False, True),
    ],
)
def test_a_builder_is_told_where_it_would_not_leave_out_the_same(
    app: Path, builder: FakeBuilder, ignore: dict[str, str], *, as_archive: bool, takes_back: bool
) -> None:
    write(app, "Dockerfile", "secret")
    for name, text in ignore.items():
        (app / name).write_text(text)
    build(app)
    assert (builder.recipes[0].as_archive, builder.recipes[0].takes_back) == (as_archive, takes_back)
