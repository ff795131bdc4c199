"""`loco-server admin check`."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import typer

from loco_server.check.finding import Finding
from loco_server.check.report import Report
from loco_server.check.running import run
from loco_server.settings import default_data_dir
from loco_spec.errors import UsageError

TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
"""There in a pod that may speak to its cluster."""


def check(
    context: typer.Context,
    cluster: Annotated[bool, typer.Option("--cluster", help="Of the cluster of kubectl's current context.")] = False,
    kubeconfig: Annotated[
        Path | None,
        typer.Option(envvar="LOCO_KUBECONFIG", metavar="FILE", help="Of the cluster of this kubeconfig."),
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", help="Of this machine: where all is kept.", metavar="DIR")
    ] = None,
    domain: Annotated[
        str | None, typer.Option(envvar="LOCO_DOMAIN", metavar="NAME", help="Of a public machine: as `run` has it.")
    ] = None,
    tls_cert: Annotated[
        Path | None,
        typer.Option(envvar="LOCO_TLS_CERT", metavar="FILE", help="As `run` has it; else what it took."),
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(envvar="LOCO_TLS_KEY", metavar="FILE", help="Its key.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Tell what is missing, of a cluster or of this machine, and how to put it right. It changes nothing.

    It needs no running server. A cluster is meant with --kubeconfig, --cluster, or in a pod; else this machine.

    Of a cluster it needs an administrator's kubeconfig: in the server's own pod it has the server's rights alone, and
    what those do not show is unknown. Of a machine it is run as the server's user or as root, with the variables that
    the server has: LOCO_DATABASE_URL, LOCO_DOMAIN, LOCO_TLS_CERT, LOCO_TLS_KEY, DOCKER_HOST.

    Exit code 0 when nothing is missing, else 1; what is unknown or a warning changes nothing about that.
    """
    if tls_cert is not None and tls_key is None:
        raise UsageError("--tls-cert comes with its key", hint="--tls-key FILE")
    of: Literal["cluster", "machine"]
    if kubeconfig is not None or cluster or TOKEN.is_file():
        of, findings = "cluster", _cluster(kubeconfig, os.environ)
    else:
        given = data_dir or (context.parent.params.get("data_dir") if context.parent else None)
        folder = (Path(given) if given else default_data_dir()).expanduser().absolute()
        of, findings = "machine", _machine(folder, domain, (tls_cert, tls_key))
    report = Report(of=of, findings=findings)
    for line in [report.model_dump_json()] if json else report.lines():
        typer.echo(line)
    raise typer.Exit(report.exit_code)


def _cluster(kubeconfig: Path | None, environment: Mapping[str, str]) -> tuple[Finding, ...]:
    try:
        from loco_server.check.cluster import checks
    except ImportError as e:
        raise UsageError(
            "what speaks to Kubernetes is not installed", hint="pip install 'loco-deploy[server,kubernetes]'"
        ) from e
    path = None if kubeconfig is None and TOKEN.is_file() else str((kubeconfig or _default(environment)).expanduser())
    return run(lambda: checks.look(path, environment))


def _default(environment: Mapping[str, str]) -> Path:
    """Kubectl's own; of several files the first."""
    return Path(environment.get("KUBECONFIG", "").split(os.pathsep)[0] or "~/.kube/config")


def _machine(folder: Path, domain: str | None, tls: tuple[Path | None, Path | None]) -> tuple[Finding, ...]:
    from loco_server.check.machine import checks, place

    machine = place.machine(folder, os.environ, domain=domain, tls=tls)
    return run(lambda: checks.look(machine))
