"""The action for GitHub and the template for GitLab fit the schemas that their hosts publish."""

from pathlib import Path

import jsonschema
import pytest
import yaml
from check_jsonschema.builtin_schemas import get_builtin_schema

DEPLOY = Path(__file__).parents[2] / "deploy"


@pytest.mark.parametrize(
    ("file", "schema"),
    [("github-action/action.yml", "vendor.github-actions"), ("gitlab/loco.gitlab-ci.yml", "vendor.gitlab-ci")],
)
def test_it_fits_the_published_schema(file: str, schema: str) -> None:
    published = get_builtin_schema(schema)
    written = yaml.safe_load((DEPLOY / file).read_text())
    validator = jsonschema.validators.validator_for(published)(published)
    assert [error.message for error in validator.iter_errors(written)] == []
    broken = {**written, "runs": {"using": "composite"}, ".loco-deploy": {"script": 1}}
    assert not validator.is_valid(broken)


def test_every_file_that_the_action_runs_is_there_and_can_be_run() -> None:
    folder = DEPLOY / "github-action"
    steps = yaml.safe_load((folder / "action.yml").read_text())["runs"]["steps"]
    programs = [folder / step["run"].strip('"').removeprefix("$GITHUB_ACTION_PATH/") for step in steps]
    assert all(each.stat().st_mode & 0o111 for each in programs)
