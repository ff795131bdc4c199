"""`loco validate`, as people and as programs see it."""

from pathlib import Path

from tests.loco_cli.conftest import Loco


def test_a_valid_file_is_said_to_be_valid(loco: Loco, folder: Path) -> None:
    (folder / "loco.toml").write_text('name = "shop"\n')
    for args in ((), (".",), ("loco.toml",)):
        said = loco("validate", *args)
        assert (said.code, said.out, said.err) == (0, "loco.toml is valid\n", "")


def test_no_file_is_valid_too_and_the_app_is_named(loco: Loco, folder: Path) -> None:
    assert loco("validate").out == "there is no loco.toml; the defaults make the app shop\n"


def test_a_doubt_is_a_warning_and_no_fault(loco: Loco, folder: Path) -> None:
    (folder / "loco.toml").write_text('[env]\nAPI_TOKEN = "sesame"\n')
    said = loco("validate")
    assert said.code == 0
    assert said.out == (
        "loco.toml:2:13: warning: env.API_TOKEN: this looks like a secret, and does not belong here: use loco variables"
        " set\n"
        "    2 | API_TOKEN = ••••••••\n"
        "      |             ^^^^^^^^\n"
        "loco.toml is valid, with 1 warning\n"
    )
    result = loco("validate", "--json").json["result"]
    assert result["valid"] is True
    assert [(warning["path"], warning["line"]) for warning in result["warnings"]] == [("env.API_TOKEN", 2)]


def test_faults_end_with_2_and_are_told_on_stderr(loco: Loco, folder: Path) -> None:
    (folder / "loco.toml").write_text("prot = 1\n")
    said = loco("validate")
    assert said.code == 2
    assert said.out == ""
    assert said.err.splitlines() == [
        "error: loco.toml has 1 fault",
        'loco.toml:1:1: prot: unknown key; did you mean "port"?',
        "    1 | prot = 1",
        "      | ^^^^",
        "next: correct loco.toml, then: loco validate",
    ]


def test_faults_as_json_carry_their_place(loco: Loco, folder: Path) -> None:
    (folder / "loco.toml").write_text("prot = 1\n[health]\ninterval = 5\n")
    said = loco("validate", "--json")
    assert said.code == 2
    first, second = said.json["error"]["fields"]
    assert (first["file"], first["line"], first["column"], first["width"]) == ("loco.toml", 1, 1, 4)
    assert (second["path"], second["line"], second["column"]) == ("health.interval", 3, 12)


def test_the_file_is_named_as_one_would_open_it_from_here(loco: Loco, folder: Path) -> None:
    (folder / "api").mkdir()
    (folder / "api/loco.toml").write_text("prot = 1\n")
    assert "api/loco.toml:1:1:" in loco("validate", "api").err


def test_a_place_that_is_not_there_is_told(loco: Loco, folder: Path) -> None:
    said = loco("validate", "nowhere")
    assert said.code == 2
    assert "nowhere is neither a folder nor a loco.toml" in said.err
