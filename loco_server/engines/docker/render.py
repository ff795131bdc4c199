"""From a Unit to the JSON of the engine's `POST /containers/create`. Pure: tests compare values."""

from typing import Any

from loco_server.engines.attached import Start
from loco_server.engines.base import Rollout
from loco_server.engines.docker import names

PIDS = 512
LOG = {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}
TMP = "rw,nosuid,nodev,size=64m,mode=1777"


def container(
    installation: str, rollout: Rollout, number: int, address: str, *, command: tuple[str, ...] | None = None
) -> dict[str, Any]:
    """Say how one instance is made. Number 0 is the release command, which gets no alias and no traffic.

    The restart policy is `no` for good: with any other the engine itself starts containers after a reboot, before the
    fence stands. `reconcile` starts what stopped.
    """
    unit = rollout.unit
    network = names.team_network(rollout.app.team_id)
    endpoint: dict[str, Any] = {"IPAMConfig": {"IPv4Address": address}}
    if number:
        endpoint["Aliases"] = [rollout.app.app]
    config: dict[str, Any] = {
        "Image": unit.image,
        "Hostname": f"{rollout.app.app}-{names.instance_name(rollout.deployment, number)}",
        "Env": [f"{name}={value}" for name, value in unit.env],
        "Labels": names.labels(installation, rollout, number, address),
        "HostConfig": {
            "NetworkMode": network,
            "RestartPolicy": {"Name": "no"},
            "Privileged": False,
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges:true"],
            "Memory": unit.memory_bytes,
            "MemorySwap": unit.memory_bytes,
            "NanoCpus": unit.cpu_millis * 1_000_000,
            "PidsLimit": PIDS,
            "LogConfig": LOG,
            "ReadonlyRootfs": unit.read_only,
        },
        "NetworkingConfig": {"EndpointsConfig": {network: endpoint}},
    }
    if unit.read_only:
        config["HostConfig"]["Tmpfs"] = {"/tmp": TMP}  # noqa: S108  inside the container
    if unit.user is not None:
        config["User"] = str(unit.user) if unit.group is None else f"{unit.user}:{unit.group}"
    chosen = command if command is not None else unit.command
    if chosen is not None:
        config["Cmd"] = list(chosen)
    return config


def one_off(installation: str, rollout: Rollout, address: str, start: Start) -> dict[str, Any]:
    """Say how a container is made that somebody is attached to. What it says is kept nowhere."""
    config = container(installation, rollout, 0, address, command=start.command)
    labels = {name: value for name, value in config["Labels"].items() if name not in {names.NUMBER, names.DRAIN}}
    config |= {
        "Hostname": f"{rollout.app.app}-run",
        "Labels": {**labels, names.ROLE: "run"},  # without a number it is no instance
        "Tty": start.tty,
        "OpenStdin": start.stdin,
        "StdinOnce": start.stdin,
    }
    config["HostConfig"]["LogConfig"] = {"Type": "none"}
    return config
