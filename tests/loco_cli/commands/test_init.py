"""`loco init`: what it writes is right, and nothing that is there is lost."""

from pathlib import Path

import pytest

from loco_spec import toml
from tests.loco_cli.conftest import Loco

SCHEMA = "#:schema http://127.0.0.1:7070/v1/loco.schema.json\n"


def written(loco: Loco, folder: Path, dockerfile: str, **files: str) -> str:
    (folder / "Dockerfile").write_text(dockerfile)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(content)
    said = loco("init")
    assert said.code == 0, said.err
    return (folder / "loco.toml").read_text().removeprefix(SCHEMA)


def test_an_image_that_fits_the_defaults_needs_a_name_alone(loco: Loco, folder: Path) -> None:
    assert written(loco, folder, "FROM busybox\nUSER 10001\nEXPOSE 8080\n") == 'name = "shop"\n'


def test_the_first_exposed_port_is_the_port_and_the_others_are_told(loco: Loco, folder: Path) -> None:
    text = written(loco, folder, "FROM busybox\nUSER app\nEXPOSE 3000 9090/tcp 53/udp\n")
    assert text == (
        'name = "shop"\nport = 3000  # EXPOSE in the Dockerfile\n# EXPOSE names 9090 too: loco docs ports\n'
    )


@pytest.mark.parametrize("user", ["", "USER root\n", "USER 0\n", "USER 0:0\n", "USER app\nUSER root\n"])
def test_an_image_that_would_run_as_root_gets_a_user(loco: Loco, folder: Path, user: str) -> None:
    text = written(loco, folder, f"FROM busybox\n{user}")
    assert "[security]\nuser = 10001  #" in text
    assert toml.load(folder).security.user == 10001


@pytest.mark.parametrize(
    ("lines", "port"),
    [
        ("ENV PORT=4000\n", 4000),
        ("ENV PORT 4000\n", 4000),
        ("ARG P=4000\nENV PORT=$P\n", 4000),
        ("ENV P=4000\nEXPOSE ${P}\n", 4000),
        ("ENV PORT=1 \nEXPOSE 4000\n", 4000),
        ('CMD ["gunicorn", "-b", "0.0.0.0:4000", "app"]\n', 4000),
        ("CMD uvicorn app:app --port 4000\n", 4000),
        ('ENTRYPOINT ["serve"]\nCMD ["-p", "4000"]\n', 4000),
        ("EXPOSE $UNKNOWN\n", 8080),
        ("EXPOSE 99999\nENV PORT=http\n", 8080),
        ("EXPOSE 4000-4010\n", 8080),
        ("FROM busybox AS base\nEXPOSE 4000\nFROM base\nUSER 1\n", 4000),
        ("EXPOSE 9\nFROM busybox\nUSER 1\n", 8080),
    ],
)
def test_the_port_is_what_the_dockerfile_says_it_is(loco: Loco, folder: Path, lines: str, port: int) -> None:
    written(loco, folder, f"FROM busybox\nUSER 1\n{lines}")
    assert toml.load(folder).ports[0].port == port


@pytest.mark.parametrize(
    ("file", "content", "port"),
    [
        ("package__json", '{"dependencies": {"next": "15"}}', 3000),
        ("package__json", '{"dependencies": {"express": "^5"}}', 3000),
        ("package__json", '{"name": "next-to-nothing"}', 8080),
        ("requirements__txt", "flask==3.0\n", 5000),
        ("requirements__txt", "flask-cors\n", 8080),
        ("requirements__txt", "Django>=5\nflask\n", 8000),
        ("pyproject__toml", 'dependencies = ["fastapi[standard]>=0.1"]', 8000),
        ("Gemfile", 'gem "rails", "~> 8"', 3000),
        ("go__mod", "module shop\n", 8080),
        ("mix__exs", '{:phoenix, "~> 1.7"}', 4000),
    ],
)
def test_a_framework_has_its_usual_port(loco: Loco, folder: Path, file: str, content: str, port: int) -> None:
    written(loco, folder, "FROM busybox\nUSER 1\n", **{file: content})
    assert toml.load(folder).ports[0].port == port


def test_a_framework_with_migrations_has_them_as_a_suggestion(loco: Loco, folder: Path) -> None:
    text = written(loco, folder, "FROM busybox\nUSER 1\nEXPOSE 8080\n", requirements__txt="django\n")
    assert '# release_command = ["python", "manage.py", "migrate"]' in text
    assert toml.load(folder).deploy.release_command is None


def test_a_dockerignore_is_written_where_there_is_none(loco: Loco, folder: Path) -> None:
    written(loco, folder, "FROM busybox\n", package__json="{}", go__mod="")
    lines = (folder / ".dockerignore").read_text().splitlines()
    assert {".git", ".env", "!.env.example", "node_modules", "bin"} <= set(lines)


@pytest.mark.parametrize("name", [".dockerignore", "Dockerfile.dockerignore"])
def test_a_dockerignore_that_is_there_stays(loco: Loco, folder: Path, name: str) -> None:
    (folder / name).write_text("mine\n")
    assert loco("init", "--force").code == 0
    assert (folder / name).read_text() == "mine\n"
    assert {path.name for path in folder.iterdir()} == {name, "loco.toml"}


def test_a_loco_toml_that_is_there_is_overwritten_by_force_alone(loco: Loco, folder: Path) -> None:
    (folder / "loco.toml").write_text("# mine\n")
    said = loco("init")
    assert said.code == 2
    assert "there is a loco.toml already; nothing was written" in said.err
    assert (folder / "loco.toml").read_text() == "# mine\n"
    assert not (folder / ".dockerignore").exists()
    assert loco("init", "--force").code == 0
    assert "mine" not in (folder / "loco.toml").read_text()


def test_a_folder_without_a_dockerfile_is_told_what_is_missing(loco: Loco, folder: Path) -> None:
    said = loco("init")
    assert said.code == 0
    assert "note: there is no Dockerfile" in said.out
    assert said.out.endswith("next: write a Dockerfile, then: loco deploy\n")
    assert loco("validate").code == 0


def test_the_name_can_be_chosen_and_must_be_one(loco: Loco, folder: Path) -> None:
    said = loco("init", "--name", "My Store")
    assert said.code == 2
    assert "next: loco init --name my-store" in said.err
    assert list(folder.iterdir()) == []
    assert loco("init", "--name", "store", "--json").json["result"]["written"] == ["loco.toml", ".dockerignore"]
    assert toml.load(folder).name == "store"


def test_a_folder_that_cannot_be_written_to_is_told(loco: Loco, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, *args: object, **kwargs: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    said = loco("init")
    assert said.code == 2
    assert "loco.toml cannot be written: No space left on device" in said.err


def test_a_place_that_is_no_folder_is_told(loco: Loco, folder: Path) -> None:
    assert loco("init", "nowhere").code == 2
