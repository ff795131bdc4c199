from pathlib import Path

import pytest

from loco_cli.build.secret import Secret, parse
from loco_spec.errors import UsageError


def test_a_secret_comes_from_a_file_or_from_a_variable(tmp_path: Path) -> None:
    path = tmp_path / "npmrc"
    path.write_text("value")
    found = parse([f"id=npm,src={path}", "id=key,env=KEY", f"type=file,id=old,source={path}"], {"KEY": "other"})
    assert found == (Secret("npm", src=path), Secret("key", env="KEY"), Secret("old", src=path))
    assert [secret.value({"KEY": "other"}) for secret in found] == ["value", "other", "value"]


def test_a_path_is_relative_to_where_the_command_was_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").write_text("value")
    monkeypatch.chdir(tmp_path)
    assert parse(["id=npm,src=here"])[0].src == tmp_path / "here"


def test_a_comma_and_a_quote_in_a_path_survive_to_the_docker_cli() -> None:
    secret = Secret("npm", src=Path('/a,b "c"'))
    assert secret.option() == 'id=npm,"src=/a,b ""c"""'
    assert Secret("key", env="KEY").option() == "id=key,env=KEY"


@pytest.mark.parametrize(
    "given",
    [
        "",
        "npm",
        "src=/etc/passwd",
        "id=,src=/etc/passwd",
        "id=npm",
        "id=npm,env=",
        "id=npm,src=/x,mode=0400",
        "id=npm,id=npm,env=KEY",
        "id=npm,src=/etc/passwd,env=KEY",
        "the-secret-itself",
    ],
)
def test_another_form_is_refused_without_repeating_what_was_typed(given: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse([given], {"KEY": "value"})
    assert "id=NAME" in refused.value.hint
    assert "the-secret-itself" not in refused.value.message


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("id=npm,src=/nowhere/npmrc", "/nowhere/npmrc: No such file"),
        ("id=npm,src=/etc", "/etc: Is a directory"),
        ("id=npm,env=UNSET", "UNSET is not set"),
    ],
)
def test_what_cannot_be_read_is_named(given: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse([given], {})
    assert said in refused.value.message


def test_two_of_one_name_and_one_too_large_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="twice"):
        parse(["id=a,env=A", "id=a,env=A"], {"A": "x"})
    (tmp_path / "large").write_bytes(bytes(600_000))
    with pytest.raises(UsageError, match="larger than"):
        parse([f"id=a,src={tmp_path}/large"])
