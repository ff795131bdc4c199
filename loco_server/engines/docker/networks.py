"""One network per team: a bridge named after the team, on a /24 that loco picks, and fixed addresses in it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Iterable, Iterator
from contextlib import asynccontextmanager
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

from loco_server.engines.base import AppRef, CapacityError
from loco_server.engines.docker import names
from loco_server.engines.docker.client import Docker, RefusedError
from loco_server.engines.docker.fence import Fence, FenceError

_log = logging.getLogger("loco.engine")

PREFIX = 24
ROUTES = Path("/proc/net/route")
INTERFACES = Path("/sys/class/net")


def host_routes(table: str) -> tuple[IPv4Network, ...]:
    """Read /proc/net/route: the destinations, without the default route. Addresses there are little-endian hex."""
    found = []
    for line in table.splitlines()[1:]:
        words = line.split()
        destination, mask = (IPv4Address(bytes.fromhex(words[at])[::-1]) for at in (1, 7))
        if int(mask):
            found.append(IPv4Network(f"{destination}/{mask}", strict=False))
    return tuple(found)


def free_subnets(pool: IPv4Network, taken: Iterable[IPv4Network]) -> Iterator[IPv4Network]:
    """Give the /24s of the pool that overlap nothing taken, first to last."""
    used = tuple(taken)
    subnets = [pool] if pool.prefixlen >= PREFIX else pool.subnets(new_prefix=PREFIX)
    return (subnet for subnet in subnets if not any(subnet.overlaps(other) for other in used))


def free_address(subnet: IPv4Network, used: Iterable[str], last: str | None) -> str | None:
    """Give the first free address after the one given out last (round and round, so that none is reused at once).

    The first address of the subnet is the bridge's. None when all are in use.
    """
    hosts = [str(host) for host in subnet.hosts()][1:]
    start = hosts.index(last) + 1 if last in hosts else 0
    taken = set(used)
    return next((host for host in hosts[start:] + hosts[:start] if host not in taken), None)


class Networks:
    def __init__(self, docker: Docker, fence: Fence, *, installation: str, pool: IPv4Network) -> None:
        self._docker = docker
        self._fence = fence
        self._installation = installation
        self._pool = pool
        self._making = asyncio.Lock()
        self._teams: dict[str, asyncio.Lock] = {}
        self._last: dict[str, str] = {}

    async def ensure(self, app: AppRef) -> IPv4Network:
        """Give the subnet of the app's team; make its network and the fence when they are not there.

        Raises:
            CapacityError: no free subnet, or the fence cannot be set and another team is there already.
        """
        async with self._making:
            mine = await self.all()
            await self._fenced(app, mine)
            return _of(app, mine) or await self._make(app)

    @asynccontextmanager
    async def address(self, app: AppRef) -> AsyncIterator[str]:
        """Lend a free address of the team's network until its container is created: nobody else gets it meanwhile.

        Raises:
            CapacityError: no free subnet or address, no fence.
        """
        async with self._teams.setdefault(app.team_id, asyncio.Lock()):
            # The fence is seen to when the container is started: until then there is nobody to keep in.
            subnet = _of(app, await self.all()) or await self.ensure(app)
            marks = {names.TEAM_ID: app.team_id}
            used = [listed["Labels"].get(names.ADDRESS, "") for listed in await self._docker.containers(marks)]
            address = free_address(subnet, used, self._last.get(app.team_id))
            if address is None:
                raise CapacityError(f"the network of team {app.team} has no free address: {subnet} is full")
            self._last[app.team_id] = address
            yield address

    async def all(self) -> list[dict[str, Any]]:
        """Networks of this installation, as the engine lists them."""
        return await self._listed(f"{names.INSTALLATION}={self._installation}")

    async def ensure_fence(self) -> None:
        """Set the fence again where it is gone, if this installation has a network.

        Raises:
            FenceError: it cannot be set.
        """
        if await self.all():
            await self._fence.ensure()

    async def release_team(self, team_id: str) -> None:
        """Remove the team's network when no container of the team is left."""
        async with self._teams.setdefault(team_id, asyncio.Lock()):
            if not await self._docker.containers({names.TEAM_ID: team_id}):
                await self._remove(names.team_network(team_id))

    async def tidy(self, keep: Collection[str]) -> None:
        """Remove the networks of other teams (ids) without containers: of one whose first app never came to be."""
        for network in await self.all():
            team_id = network["Labels"][names.TEAM_ID]
            if team_id not in keep:
                try:
                    await self.release_team(team_id)
                except RefusedError as error:
                    _log.info("network %s stays: %s", network["Name"], error.message)

    async def remove_all(self) -> None:
        """Remove this installation's networks, and the fence when no loco bridge of any installation is left."""
        async with self._making:
            for network in await self.all():
                await self._remove(str(network["Id"]))
            bridges = [link for link in INTERFACES.iterdir() if link.name.startswith(names.BRIDGE_PREFIX)]
            if not bridges and not await self._listed(names.INSTALLATION):
                await self._fence.remove()

    async def _fenced(self, app: AppRef, mine: list[dict[str, Any]]) -> None:
        try:
            await self._fence.ensure()
        except FenceError as error:
            others = [network for network in mine if network["Name"] != names.team_network(app.team_id)]
            if others:
                raise CapacityError(
                    f"team {app.team} cannot be kept apart from the teams that are here already: {error}"
                ) from error

    async def room(self, app: AppRef) -> None:
        """Say whether the app's team has a subnet, or could have one; nothing is made.

        Raises:
            CapacityError: no subnet is free.
        """
        mine = {network["Name"] for network in await self.all()}
        if names.team_network(app.team_id) not in mine and next(await self._free(), None) is None:
            raise self._full(app)

    async def _free(self) -> Iterator[IPv4Network]:
        taken = [_subnet(network) for network in await self._docker.call("networks") if _configs(network)]
        taken += host_routes(ROUTES.read_text()) if ROUTES.is_file() else ()
        return free_subnets(self._pool, taken)

    async def _make(self, app: AppRef) -> IPv4Network:
        name = names.team_network(app.team_id)
        for subnet in await self._free():
            try:
                await self._docker.call(
                    "create_network",
                    name,
                    driver="bridge",
                    check_duplicate=True,
                    ipam={"Driver": "default", "Config": [{"Subnet": str(subnet), "Gateway": str(subnet[1])}]},
                    options={"com.docker.network.bridge.name": name},
                    labels={
                        names.INSTALLATION: self._installation,
                        names.TEAM: app.team,
                        names.TEAM_ID: app.team_id,
                    },
                )
            except RefusedError as error:
                if "overlap" in error.message:  # another installation was quicker: the next one
                    continue
                raise CapacityError(f"the engine made no network for team {app.team}: {error.message}") from error
            return subnet
        raise self._full(app)

    def _full(self, app: AppRef) -> CapacityError:
        return CapacityError(
            f"no subnet is left for team {app.team}: every /24 of {self._pool} clashes with a route of this machine"
            " or a network of the engine; set LOCO_SUBNETS to a range that is free"
        )

    async def _listed(self, label: str) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = await self._docker.call("networks", filters={"label": [label]})
        return listed

    async def _remove(self, network: str) -> None:
        try:
            await self._docker.call("remove_network", network)
        except RefusedError as error:
            if not error.missing:
                raise


def _of(app: AppRef, listed: list[dict[str, Any]]) -> IPv4Network | None:
    """Give the subnet of the app's team, where it has a network."""
    name = names.team_network(app.team_id)
    return next((_subnet(network) for network in listed if network["Name"] == name), None)


def _configs(network: dict[str, Any]) -> list[dict[str, Any]]:
    ipam = network.get("IPAM") or {}
    return [config for config in ipam.get("Config") or () if ":" not in config.get("Subnet", ":")]


def _subnet(network: dict[str, Any]) -> IPv4Network:
    return IPv4Network(_configs(network)[0]["Subnet"])
