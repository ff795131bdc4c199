"""`loco forward`: a port of this machine that leads to an instance's."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from loco_cli.context import Context, opened
from loco_cli.options import App, InstanceOf, Json, Server, Team
from loco_spec.errors import UsageError

Ports = Annotated[
    str, typer.Argument(help="The instance's port; before it another one here, 0 for any.", metavar="[LOCAL:]PORT")
]


def command(
    ports: Ports,
    app: App = None,
    team: Team = None,
    instance: InstanceOf = None,
    server: Server = None,
    json: Json = False,
) -> None:
    """Listen on 127.0.0.1, and lead each connection to a port of a running instance, until Ctrl-C.

    \b
    loco forward 8080
    loco forward 15432:5432
    loco forward 0:6379 --instance v12-1
    """  # noqa: D301  its lines are kept as they are
    local, port = read(ports)
    with opened(json=json, server=server) as context:
        run(context, local, port, app=app, team=team, instance=instance)


def run(context: Context, local: int, port: int, *, app: str | None, team: str | None, instance: str | None) -> None:
    from loco_cli import forwarding
    from loco_cli.client.attaching import entrance
    from loco_cli.ui.results import Forwarded
    from loco_spec import paths
    from loco_spec.attaching import ForwardStart

    target = context.target(Path(), app=app, team=team)
    found = entrance(context.http, target.team, target.app, instance)
    with forwarding.listening(local) as here:
        at = "{}:{}".format(*here.getsockname())
        context.ui.result(Forwarded(address=at, instance=found.instance, port=port, ports=found.ports))
        sys.stdout.flush()
        path = paths.fill(paths.FORWARD, team=target.team, app=target.app)
        forwarding.lead(context.http, here, path, ForwardStart(port=port, instance=instance), context.ui.step)


def read(text: str) -> tuple[int, int]:
    """Read `8080` and `15432:5432`: the port here, and the instance's.

    Raises:
        UsageError: they are no ports.
    """
    local, colon, port = text.rpartition(":")
    words = (local if colon else port, port)
    if not all(word.isascii() and word.isdigit() and len(word) <= 5 for word in words):
        raise _no_ports(text)
    here, there = int(words[0]), int(words[1])
    if here > 65535 or not 1 <= there <= 65535:
        raise _no_ports(text)
    return here, there


def _no_ports(text: str) -> UsageError:
    return UsageError(f"{text!r} is neither a port nor two as LOCAL:PORT", hint="loco forward 15432:5432")
