"""`loco config`: what loco works with here, each value with where it came from."""

from pathlib import Path

from loco_cli.context import Context, opened
from loco_cli.effective import settings
from loco_cli.options import Folder
from loco_cli.ui.results import Effective, Setting
from loco_spec import toml
from loco_spec.errors import UsageError


def command(folder: Folder = Path()) -> None:
    """Show the whole configuration, defaults included, each value with where it came from.

    Examples:
        loco config
        loco config services/shop
    """
    with opened() as context:
        context.ui.result(run(context, folder))


def run(context: Context, folder: Path) -> Effective:
    """Give the folder's configuration, and the server that it would be deployed to.

    Raises:
        ConfigError: loco.toml has faults.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder", hint="loco config FOLDER")
    chosen = context.server
    server = Setting(key="server", value=chosen.value, source=chosen.source)
    return Effective(server=server, settings=settings(toml.read(folder)))
