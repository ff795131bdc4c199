"""Where `loco-server` begins: the package is installed with the CLI too, which needs none of what a server does."""

import sys


def main() -> None:
    try:
        from loco_server.main import main as run
    except ModuleNotFoundError as e:
        if (e.name or "").startswith("loco_"):
            raise
        sys.stderr.write(
            f"error: this is loco without its server: {e.name} is not installed\n"
            "next: pipx install --force 'loco-deploy[server]', or: pip install 'loco-deploy[server]'\n"
        )
        raise SystemExit(1) from None
    run()
