"""`loco validate`: whether loco.toml is right, with every fault and every doubt about it."""

from pathlib import Path

from loco_cli.context import opened
from loco_cli.options import Folder
from loco_cli.ui.results import Validated
from loco_spec import toml
from loco_spec.errors import UsageError


def command(folder: Folder = Path()) -> None:
    """Check loco.toml: every fault comes with its line, what was expected, and the nearest name.

    Examples:
        loco validate
        loco validate services/shop
    """
    with opened() as context:
        context.ui.result(run(folder))


def run(folder: Path) -> Validated:
    """Check the loco.toml of a folder, or the one that is named itself.

    Raises:
        ConfigError: with all faults.
    """
    if folder.name == toml.FILE_NAME and folder.is_file():
        folder = folder.parent
    if not folder.is_dir():
        raise UsageError(f"{folder} is neither a folder nor a {toml.FILE_NAME}", hint="loco validate FOLDER")
    found = toml.read(folder)
    return Validated(file=found.file, app=found.app.name, warnings=found.warnings)
