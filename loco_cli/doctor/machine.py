"""What is to be said of the person's own machine: its engine, who builds, its disk. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from loco_cli.ui.results import Finding
from loco_spec.values import human_bytes

DISK_LEAST = 1_000_000_000
"""Bytes: with less, hardly any image can be built."""
DISK_LITTLE = 5_000_000_000


def engine(about: Mapping[str, Any], *, podman: bool, address: str) -> Finding:
    """Judge the engine that answered; `about`: its answer to `GET /info`."""
    rootless = any("rootless" in str(option) for option in about.get("SecurityOptions") or ())
    kind = f"{'Podman' if podman else 'Docker'} {about.get('ServerVersion', '')}".strip()
    place = f"{about.get('OSType', 'linux')}/{about.get('Architecture', '?')}"
    detail = (f"address: {address}", f"platform: {place}", f"system: {about.get('OperatingSystem', '?')}")
    said = f"{kind}{', rootless,' if rootless else ''} at {address}"
    if about.get("OSType", "linux") != "linux":
        return Finding(
            name="engine",
            state="wrong",
            message=f"{said} runs {about['OSType']} containers, and apps are Linux images",
            fix="switch it to Linux containers",
            detail=detail,
        )
    return Finding(name="engine", state="ok", message=said, detail=detail)


def builder(name: str, passed_over: Sequence[str]) -> Finding:
    """Judge which builder `auto` takes; `passed_over`: what was said of better ones that cannot do what is asked."""
    if passed_over:
        return Finding(
            name="builder",
            state="note",
            message=f"{name} builds; {'; '.join(passed_over)}",
            fix="loco docs builders compares them",
        )
    return Finding(name="builder", state="ok", message=f"{name} builds")


def disk(free: int | None, root: str) -> Finding:
    """Judge the room where the engine keeps its images; None: it is not on this machine's disks."""
    if free is None:
        where = f"{root} is not a folder of this machine" if root else "the engine does not say where"
        return Finding(name="disk", state="unknown", message=f"{where}: the engine keeps its images elsewhere")
    said = f"{human_bytes(free)} free where the engine keeps its images ({root})"
    fix = "docker system prune takes away what no container needs"
    if free < DISK_LEAST:
        return Finding(name="disk", state="wrong", message=f"only {said}", fix=fix)
    if free < DISK_LITTLE:
        return Finding(name="disk", state="note", message=f"only {said}", fix=fix)
    return Finding(name="disk", state="ok", message=said)
