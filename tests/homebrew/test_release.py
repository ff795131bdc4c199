"""The archives and the formula: the same bytes each time, no addresses, and its own steps run by plain Ruby."""

import hashlib
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from release import formula
from release.build import PACKAGES, build
from release.values import PLATFORMS, PYTHON, ROOT, Platform, this_machines

from loco_spec.version import VERSION

HERE = Path(__file__).parent
MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"
"""What can be tried here; the formula's own is PYTHON."""


@pytest.fixture(scope="module")
def mine() -> Platform:
    found = [each for each in PLATFORMS if each.name == this_machines()]
    if not found:
        pytest.skip(f"no archive is made for {sys.platform}")
    return found[0]


@pytest.fixture(scope="module")
def built(mine: Platform, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("release")
    build(out, [mine], MINOR)
    return out


@pytest.mark.long
def test_two_builds_have_the_same_bytes(mine: Platform, built: Path, tmp_path: Path) -> None:
    build(tmp_path, [mine], MINOR)
    for name in (mine.archive, "release.json"):
        assert (tmp_path / name).read_bytes() == (built / name).read_bytes()


def test_an_archive_has_the_cli_and_its_completions_and_no_server(mine: Platform, built: Path) -> None:
    with tarfile.open(built / mine.archive) as tar:
        names = {item.name.removeprefix(f"loco-{VERSION}/") for item in tar}
        owners = {(item.uid, item.gid, item.uname, item.mtime) for item in tar}
    assert {"LICENSE", "completions/_loco", "completions/loco.bash", "completions/loco.fish"} <= names
    assert {f"lib/{package}/__init__.py" for package in PACKAGES} <= names
    assert not [name for name in names if "loco_server" in name or "/bin/" in name or name.endswith(".pyc")]
    assert owners == {(0, 0, "", 0)}


def test_the_steps_of_the_formula_install_and_its_test_passes(mine: Platform, built: Path, tmp_path: Path) -> None:
    manifest = {
        "version": VERSION,
        "python": MINOR,
        "archives": [{"platform": mine.name, "archive": mine.archive, "sha256": sha256(built / mine.archive)}],
    }
    text = formula.formula(manifest, base=built.as_uri(), homepage="https://example.com/")
    (tmp_path / "loco.rb").write_text(text, encoding="utf-8")
    keg = tmp_path / "keg"
    keg.mkdir()
    (keg / f"python{MINOR}").symlink_to(sys.executable)
    argv: list[str | Path] = [
        "ruby",
        HERE / "shim.rb",
        tmp_path / "loco.rb",
        tmp_path / "prefix",
        keg / f"python{MINOR}",
    ]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"installed and tested {VERSION}\n"), done.stderr
    names = {
        str(path.relative_to(tmp_path / "prefix")) for folder in ("etc", "share") for path in files(tmp_path, folder)
    }
    assert names == {
        "etc/bash_completion.d/loco",
        "share/zsh/site-functions/_loco",
        "share/fish/vendor_completions.d/loco.fish",
    }


def test_the_formula_here_is_what_the_generator_makes() -> None:
    text = (ROOT / "homebrew" / "loco.rb").read_text(encoding="utf-8")
    sums = re.findall(r'sha256 "([0-9a-f]{64})"', text)
    base, homepage = re.search(r'url "(.+)/', text), re.search(r'homepage "(.+)"', text)
    assert base
    assert homepage
    manifest = {
        "version": VERSION,
        "python": PYTHON,
        "archives": [
            {"platform": each.name, "archive": each.archive, "sha256": each_sum}
            for each, each_sum in zip(PLATFORMS, sums, strict=True)
        ],
    }
    assert formula.formula(manifest, base=base[1], homepage=homepage[1]) == text


@pytest.mark.parametrize("system", ["macos", "linux"])
def test_pins_are_names_versions_and_hashes_and_no_addresses(system: str) -> None:
    lines = (ROOT / "homebrew" / f"pins-{system}.txt").read_text(encoding="utf-8").splitlines()
    assert all(re.fullmatch(r"[a-z0-9-]+==[\w.]+ \\|    --hash=sha256:[0-9a-f]{64}( \\)?", line) for line in lines)
    assert any(line.startswith("typer==") for line in lines)


def files(root: Path, folder: str) -> list[Path]:
    return [path for path in (root / "prefix" / folder).rglob("*") if path.is_file()]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
