"""Build the archives: the CLI, what it needs and its completions; a commit gives the same bytes each time."""

import argparse
import gzip
import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from loco_spec.version import VERSION
from release.values import PLATFORMS, PYTHON, ROOT, Platform, this_machines

MANIFEST = "release.json"
PACKAGES = ("loco_cli", "loco_spec")
"""The server is not part of it."""
INSIDE = {"docs": "loco_spec/docs", "completions": "loco_cli/completions"}
"""As the wheel has them."""
BESIDE = ("LICENSE", "README.md", "completions")
_SCRATCH = shutil.ignore_patterns("__pycache__")


def tree(platform: Platform, python: str, target: Path) -> None:
    """Put everything into an empty folder, as the archive has it."""
    lib = target / "lib"
    subprocess.run(
        [
            *("uv", "pip", "install", "--quiet", "--target", str(lib), "--python-version", python),
            *("--python-platform", platform.triple, "--only-binary", ":all:", "--no-deps", "--require-hashes"),
            *("--link-mode", "copy", "--no-compile-bytecode", "--requirement", str(platform.pins)),
        ],
        check=True,
        cwd=ROOT,
    )
    for scratch in (lib / "bin", lib / ".lock"):  # scripts with the path of this machine's Python, and uv's own
        if scratch.is_dir():
            shutil.rmtree(scratch)
        scratch.unlink(missing_ok=True)
    for record in lib.glob("*.dist-info/RECORD"):  # it names the scripts, in no certain order
        record.unlink()
    for package in PACKAGES:
        shutil.copytree(ROOT / package, lib / package, ignore=_SCRATCH)
    for folder, inside in INSIDE.items():
        shutil.copytree(ROOT / folder, lib / inside, ignore=_SCRATCH)
    for name in BESIDE:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target / name, ignore=_SCRATCH)
        else:
            shutil.copyfile(ROOT / name, target / name)


def pack(folder: Path, archive: Path, *, top: str) -> str:
    """Write a folder as a .tar.gz that tells nothing of when, by whom and where; give its SHA-256."""

    def plain(item: tarfile.TarInfo) -> tarfile.TarInfo:
        item.uid = item.gid = item.mtime = 0
        item.uname = item.gname = ""
        item.mode = 0o755 if item.isdir() or item.mode & 0o100 else 0o644
        return item

    with (
        archive.open("wb") as raw,
        gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as tar,
    ):
        for path in sorted(folder.rglob("*")):
            tar.add(path, arcname=f"{top}/{path.relative_to(folder)}", recursive=False, filter=plain)
    return hashlib.sha256(archive.read_bytes()).hexdigest()


def build(out: Path, platforms: Sequence[Platform], python: str) -> dict[str, object]:
    """Build the archives of these platforms; give, and write, what was built."""
    out.mkdir(parents=True, exist_ok=True)
    found = []
    for platform in platforms:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            tree(platform, python, folder)
            sha256 = pack(folder, out / platform.archive, top=f"loco-{VERSION}")
        tried = "can be tried here" if platform.name == this_machines() else "not run"
        found.append({"platform": platform.name, "archive": platform.archive, "sha256": sha256, "tried": tried})
    manifest: dict[str, object] = {"version": VERSION, "python": python, "archives": found}
    (out / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return manifest


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/build-release")
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    parser.add_argument("--platform", action="append", choices=[each.name for each in PLATFORMS])
    parser.add_argument("--python", default=PYTHON, help="to try it with another than the formula's")
    asked = parser.parse_args()
    wanted = [each for each in PLATFORMS if not asked.platform or each.name in asked.platform]
    print(json.dumps(build(asked.out, wanted, asked.python), indent=2))


if __name__ == "__main__":
    main()
