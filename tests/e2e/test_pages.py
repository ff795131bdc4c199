"""What README.md, docs/ and the examples tell their readers to type is typed, page by page, and shows what they say.

Each page has a platform and a home of its own. Nothing can be pulled here, so `busybox:1.36` in a Dockerfile is
replaced by an image that was made of busybox alone, and in what is shown the other way round; so are the usual ports,
and `ann`, who is whoever runs the tests.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.docs.shell import Shell
from tests.docs.shown import shows
from tests.docs.snippets import PAGES, ROOT, Block, blocks, typed
from tests.e2e.stack import BIN, Stack
from tests.images import BASE

pytestmark = pytest.mark.engine

READ = {page: blocks(page) for page in PAGES}
FOLDERS = ("deploy", "docs", "examples", "scripts")


def pages(*, in_clone: bool) -> list[Any]:
    found = [
        page
        for page, each in READ.items()
        if any(b.is_shell and not b.reason and not b.file and b.in_clone == in_clone for b in each)
    ]
    return [pytest.param(page, id=str(page.relative_to(ROOT))) for page in found]


class Session:
    """Somebody who reads a page and does what it says."""

    def __init__(self, shell: Shell, here: Mapping[str, str]) -> None:
        self.shell = shell
        self.here = here
        """What a page says → what it is here."""

    def read(self, block: Block) -> None:
        if block.file:
            path = self.shell.folder / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self._here(block.text) + "\n")
        elif block.is_shell:
            for each in typed(block):
                code, said = self.shell.type(self._here(each.text))
                said = self._there(said)
                where = f"{block}\n$ {each.text}\n{said}"
                fails = "\nerror: " in f"\n{each.shown}"
                assert code == 0 or fails, f"{where}exit code {code}"
                assert each.shown is None or shows(said, each.shown), f"{where}--- and the page says:\n{each.shown}"

    def _here(self, text: str) -> str:
        for told, word in self.here.items():
            text = text.replace(told, word)
        return text

    def _there(self, text: str) -> str:
        for told, word in self.here.items():
            text = text.replace(f"docker.io/{word}", f"docker.io/library/{told}").replace(word, told)
        return re.sub(r"(?<!not )(?<!as )\broot\b", "ann", text)


def copied(folder: Path) -> Path:
    """What a page needs of a clone."""
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name)
    for dockerfile in folder.glob("examples/**/Dockerfile"):
        dockerfile.write_text(dockerfile.read_text().replace("busybox:1.36", BASE))
    return folder


@pytest.fixture
def platform(own_stack: Stack) -> Stack:
    """As the quick start leaves it: started, and signed in to."""
    own_stack.start()
    own_stack.loco("login")
    return own_stack


@pytest.mark.sample("pages")
@pytest.mark.parametrize("page", pages(in_clone=False))
def test_what_a_page_says_is_what_happens(page: Path, platform: Stack, tmp_path: Path) -> None:
    clone = copied(tmp_path / "clone")
    folder = clone / page.parent.relative_to(ROOT) if page.is_relative_to(ROOT / "examples") else clone
    here = {
        "busybox:1.36": BASE,
        "127.0.0.1:7070": f"127.0.0.1:{platform.api}",
        ":7080": f":{platform.edge}",
        ":7050": f":{platform.registry}",
    }
    environment = platform.env(LOCO_DATA_DIR=str(platform.data_dir))
    shell = Shell(folder, {**environment, "PATH": f"{BIN}:{environment['PATH']}"})
    try:
        for block in READ[page]:
            if not block.reason and not block.in_clone:
                Session(shell, here).read(block)
    finally:
        shell.end()


@pytest.fixture
def clone(tmp_path: Path, base_image: str) -> Iterator[Path]:
    """A clone whose virtual environment is there already, and an app of the reader's own beside it."""
    folder = copied(tmp_path / "clone")
    shutil.copy(ROOT / "pyproject.toml", folder)
    (folder / ".venv").symlink_to(sys.prefix)
    shutil.copy(ROOT / "pyproject.toml", folder / ".venv/.loco-server")  # installed already, with more
    yield folder
    subprocess.run(["scripts/quickstart", "--down"], cwd=folder, check=True, timeout=300, capture_output=True)


@pytest.mark.sample("pages")
@pytest.mark.parametrize("page", pages(in_clone=True))
def test_what_a_page_says_of_a_clone_is_what_happens_there(page: Path, clone: Path, private_home: Path) -> None:
    shutil.copytree(clone / "examples/hello", private_home / "my-app")
    (private_home / "my-app/loco.toml").unlink()
    # As in a new terminal: without the virtual environment that runs the tests.
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    shell = Shell(clone, {**os.environ, "PATH": path})
    try:
        for block in READ[page]:
            if block.in_clone:
                Session(shell, {}).read(block)
    finally:
        shell.end()
