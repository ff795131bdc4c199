"""What can be said of a snippet without running it, by its language."""

import ast
import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import yaml
from check_jsonschema.builtin_schemas import get_builtin_schema

from loco_spec import toml
from tests.docs.snippets import Block, typed
from tests.docs.spoken import fault, spoken

KUBERNETES = "1.33"
SCHEMAS = {".github/workflows/": "vendor.github-workflows", ".gitlab-ci.yml": "vendor.gitlab-ci"}
"""What a file's name has in it → the published schema that it must fit."""


def shell(block: Block) -> None:
    """Bash can read it, and what is asked of loco is there."""
    for each in [block.text] if block.file else [each.text for each in typed(block)]:
        read = subprocess.run(["bash", "-n"], input=each, capture_output=True, text=True, check=False)
        assert read.returncode == 0, read.stderr
        assert [found for words in spoken(each) if (found := fault(words))] == []


def config(block: Block) -> None:
    toml.parse(block.text, default_name="x")


def document(block: Block) -> None:
    for line in block.text.splitlines() if block.language == "ndjson" else [block.text]:
        json.loads(line)


def yaml_(block: Block) -> None:
    """Manifests of Kubernetes and the workflows of CI fit their published schemas."""
    found = [each for each in yaml.safe_load_all(block.text) if each is not None]
    assert found
    schema = next((name for part, name in SCHEMAS.items() if part in block.file), None)
    for each in found:
        if schema is not None:
            published = get_builtin_schema(schema)
            named = {"on" if key is True else key: value for key, value in each.items()}  # YAML 1.1 takes on for true
            jsonschema.validators.validator_for(published)(published).validate(named)
        elif {"apiVersion", "kind", "metadata"} <= each.keys():
            kubernetes_validate.validate(each, KUBERNETES, strict=True)


def python(block: Block) -> None:
    ast.parse(block.text)
    subprocess.run(["python", "-W", "error", "-c", block.text], check=True, timeout=30, capture_output=True)


def dockerfile(block: Block) -> None:
    assert block.file, "its name stands in the sentence before, so that it is built where it is used"


def unit(block: Block) -> None:
    if shutil.which("systemd-analyze") is None:
        return
    program = next(line for line in block.text.splitlines() if line.startswith("ExecStart="))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "snippet.service"
        path.write_text(block.text.replace(program, "ExecStart=/bin/true"))
        found = subprocess.run(["systemd-analyze", "verify", path], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (0, "")


def nothing(block: Block) -> None:
    """A picture, or what a program says."""
    assert not block.mark, "there is nothing to run"


CHECKS: Mapping[str, Callable[[Block], Any]] = {
    "sh": shell,
    "console": shell,
    "toml": config,
    "json": document,
    "ndjson": document,
    "yaml": yaml_,
    "python": python,
    "dockerfile": dockerfile,
    "systemd": unit,
    "text": nothing,
}
