"""`loco-server`: what the operator runs."""

import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from sqlalchemy import URL

from loco_server.admin import commands as admin
from loco_server.check.command import check
from loco_server.cluster import command as cluster
from loco_server.cluster.server import Listens
from loco_server.local import backup, base_images, command
from loco_server.local import ports as ports_
from loco_server.records import migrating
from loco_server.settings import Ports, Public, default_data_dir, domain_name
from loco_spec.errors import LocoError, UsageError
from loco_spec.version import VERSION

app = typer.Typer(
    name="loco-server",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Serve loco: on this machine alone (local), to the world (run), on Kubernetes (serve); look after it (admin).",
)
local = typer.Typer(no_args_is_help=False, rich_markup_mode=None)
app.add_typer(local, name="local", help="The whole platform on this machine: server, edge, registry.")

bases = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
app.add_typer(bases, name="base-images", help="The base images that are allowed, where the operator lists some.")

admin.group.command()(check)
admin.group.command()(backup.backup)
admin.group.command("restore")(backup.restore_command)
app.add_typer(admin.group, name="admin")

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Where everything is kept.", show_default=False)]


DatabaseUrl = Annotated[
    str | None,
    typer.Option(envvar=migrating.VARIABLE, metavar="URL", help=f"Records elsewhere: {migrating.FORM}."),
]


@local.callback(invoke_without_command=True)
def start(
    context: typer.Context,
    data_dir: DataDir = None,
    detach: Annotated[bool, typer.Option("--detach", help="Go on in the background.")] = False,
    api_port: Annotated[int, typer.Option(help="Where the CLI finds the server.")] = Ports.api,
    edge_port: Annotated[int, typer.Option(help="Where the apps answer.")] = Ports.edge,
    registry_port: Annotated[int, typer.Option(help="Where images are pushed to.")] = Ports.registry,
) -> None:
    """Start the server, the edge and the registry; Ctrl-C stops all three and the apps."""
    context.obj = (data_dir or default_data_dir()).expanduser().absolute()
    if context.invoked_subcommand is None:
        ports = Ports(api=api_port, edge=edge_port, registry=registry_port)
        raise typer.Exit(command.start(context.obj, ports, detach=detach))


@app.command()
def run(
    context: typer.Context,
    domain: Annotated[
        str, typer.Option(envvar="LOCO_DOMAIN", metavar="NAME", help="Apps are under it, and api.NAME, registry.NAME.")
    ],
    tls_cert: Annotated[Path, typer.Option(envvar="LOCO_TLS_CERT", metavar="FILE", help="PEM, for *.NAME.")],
    tls_key: Annotated[Path, typer.Option(envvar="LOCO_TLS_KEY", metavar="FILE", help="Its key, PEM.")],
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    address: Annotated[str, typer.Option(help="Where the world is listened to.", metavar="IP")] = Public.address,
    https_port: Annotated[int, typer.Option(help="API, apps and registry.")] = Public.https_port,
    http_port: Annotated[int, typer.Option(help="Sends everybody to HTTPS.")] = Public.http_port,
    api_port: Annotated[int, typer.Option(help="On loopback: this machine's own engine.")] = Ports.api,
    registry_port: Annotated[int, typer.Option(help="On loopback: this machine's own engine.")] = Ports.registry,
) -> None:
    """Serve the world from this machine, over TLS. Its records are in the data folder, or on PostgreSQL."""
    try:
        domain = domain_name(domain)
    except ValueError as e:
        raise UsageError(str(e), hint="--domain apps.example.com") from e
    ports_.ensure_ours(address)
    public = Public(tls_cert.expanduser().absolute(), tls_key.expanduser().absolute(), address, https_port, http_port)
    folder = (data_dir or default_data_dir()).expanduser().absolute()
    ports = Ports(api=api_port, registry=registry_port)
    database = _text(_database(context, database_url))
    raise typer.Exit(command.run(folder, ports, domain=domain, public=public, database=database))


@app.command()
def serve(
    address: Annotated[str, typer.Option(help="Where the Gateway's proxies come.", metavar="IP")] = Listens.address,
    api_port: Annotated[int, typer.Option(help="The API; /healthz, /readyz.")] = Listens.api,
    authorization_port: Annotated[
        int, typer.Option(help="What the proxies ask before each request to the registry.")
    ] = Listens.authorization,
    metrics_port: Annotated[int, typer.Option(help="/metrics and /metrics/apps, for Prometheus.")] = Listens.metrics,
) -> None:
    """Serve a cluster, as one pod of several: apps run on Kubernetes, records are on PostgreSQL.

    Set by variables: LOCO_DOMAIN, LOCO_DATABASE_URL, LOCO_REGISTRY_URL, LOCO_KEYS_DIR, LOCO_SECRET_KEYS_FILE, and
    LOCO_GITHUB_CLIENT_ID or LOCO_GOOGLE_CLIENT_ID; the others have defaults: loco docs operations.
    """
    raise typer.Exit(cluster.serve(Listens(address, api_port, authorization_port, metrics_port)))


@local.command()
def status(context: typer.Context, data_dir: DataDir = None) -> None:
    """Tell what runs."""
    raise typer.Exit(command.status(_folder(context, data_dir)))


@local.command()
def stop(context: typer.Context, data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Stop everything, also what a killed server left; the apps come back with the next start."""
    raise typer.Exit(command.stop(_folder(context, data_dir), _text(_database(context, database_url))))


@local.command()
def reset(
    context: typer.Context,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Stop everything and remove all apps, images and records."""
    folder = _folder(context, data_dir)
    if not yes and not typer.confirm(f"Remove every app, image and record of {folder}?"):
        raise typer.Exit(1)
    raise typer.Exit(command.reset(folder, _text(_database(context, database_url))))


@bases.command()
def add(
    reference: Annotated[str, typer.Argument(help="An image that the container engine has.", metavar="IMAGE")],
    file: Annotated[Path, typer.Option(help="The list.", envvar="LOCO_BASE_IMAGES")],
) -> None:
    """Allow images that stand on this one, from the server's next start on."""
    typer.echo(base_images.add(reference, file.expanduser().absolute()))


@app.command()
def migrate(context: typer.Context, database_url: DatabaseUrl = None, data_dir: DataDir = None) -> None:
    """Bring records to this version's schema: on PostgreSQL, or in the data folder of a server that is stopped."""
    url = _database(context, database_url)
    if url is None:
        raise typer.Exit(command.migrate((data_dir or default_data_dir()).expanduser().absolute()))
    before, after = migrating.migrate(url)
    typer.echo(f"schema {before or 'none'} → {after}" if before != after else f"schema {after}: nothing to migrate")


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(VERSION)


def _database(context: typer.Context, text: str | None) -> URL | None:
    """Read where the records are; None: in the data folder."""
    if not text:
        return None
    url = migrating.parsed(text)
    source = context.get_parameter_source("database_url")
    if migrating.has_password(url) and source is not None and source.name == "COMMANDLINE":
        raise UsageError(
            "a password on the command line is seen by everybody on this machine",
            hint=f"put the URL into {migrating.VARIABLE}, or the password into ~/.pgpass",
        )
    return url


def _text(url: URL | None) -> str | None:
    return None if url is None else url.render_as_string(hide_password=False)


def _folder(context: typer.Context, data_dir: Path | None) -> Path:
    folder: Path = context.obj
    return folder if data_dir is None else data_dir.expanduser().absolute()


def main() -> None:
    """Run; the one catch of errors that are meant for the person."""
    try:
        app()
    except LocoError as e:
        _show(e)
    except Exception as e:
        if os.environ.get("LOCO_DEBUG") == "1":
            raise
        hint = "run it again with LOCO_DEBUG=1 and report it"
        _show(LocoError(f"this is a defect in loco-server: {type(e).__name__}: {e}", hint=hint))


def _show(error: LocoError) -> NoReturn:
    for line in (f"error: {error.message}", *(f"  {fault.path}: {fault.message}" for fault in error.fields)):
        print(line, file=sys.stderr)  # noqa: T201
    if error.hint:
        print(f"next: {error.hint}", file=sys.stderr)  # noqa: T201
    raise SystemExit(int(error.exit_code))


if __name__ == "__main__":
    main()
