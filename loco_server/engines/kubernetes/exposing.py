"""Steps between pods that are healthy and visitors: the Service widened, the traffic led over, or led back."""

import asyncio
import logging
import time
from collections.abc import Sequence

from loco_server.engines.base import Emit, Guard, Rollout, RolloutFailedError
from loco_server.engines.kubernetes import diagnosis, kinds, names
from loco_server.engines.kubernetes.api import KubernetesApi, Object, RefusedError
from loco_server.engines.kubernetes.applying import Applier
from loco_server.engines.kubernetes.comparing import bridged, is_so, ports_of

_log = logging.getLogger("loco.engine")

ROUTE_SECONDS = 10.0
"""For which a gateway's word about the routes is waited for."""
KINDS = (kinds.HTTP_ROUTE, kinds.AUTOSCALER, kinds.DISRUPTION_BUDGET, kinds.SERVICE)
"""In the order in which they are applied: a Service loses a number only once no route names it."""

Key = tuple[str, str]


class Exposing:
    """What leads to one app's pods, as one rollout finds and changes it."""

    def __init__(self, api: KubernetesApi, applier: Applier, rollout: Rollout, wanted: Sequence[Object]) -> None:
        self._api = api
        self._applier = applier
        self._rollout = rollout
        self._wanted = sorted(wanted, key=lambda each: KINDS.index(kinds.of(each)))
        self._before: dict[Key, Object] = {}
        self._touched: list[Key] = []

    @property
    def widened(self) -> bool:
        """Whether the Service is not as it was found."""
        return any(kind == "Service" for kind, _ in self._touched)

    async def read(self) -> None:
        """Remember what there is, to lead back to."""
        app = self._rollout.app
        for kind in KINDS:
            found, _ = await self._api.list(kind, names.namespace(app), labels={names.APP_ID: app.app_id})
            for each in found:
                self._before[kind.kind, each["metadata"]["name"]] = each | {
                    "kind": kind.kind,
                    "apiVersion": kind.api_version,
                }

    async def widen(self, live: Object, wanted: Object, emit: Emit) -> None:
        """Let the Service lead to the pods of two Deployments: the one that serves, and the one that is to."""
        for each in (each for each in self._wanted if each["kind"] == "Service"):
            found = self._before.get(_key(each))
            if found is not None:
                bridge = bridged(each, found, ports_of(live), ports_of(wanted))
                if not is_so(bridge, found):
                    await self._apply(bridge, emit)

    async def lead(self, emit: Emit, guard: Guard) -> None:
        """Step 3: the routes; once a gateway has taken them, the Service without what nobody needs any more."""
        routes = self._rollout.unit.routes
        for each in self._wanted:
            if each["kind"] == "HTTPRoute":
                await self._apply(each, emit)
        if routes:
            await self._taken(emit, guard)
        for each in self._wanted:
            if each["kind"] != "HTTPRoute":
                await self._apply(each, emit)
        if routes:
            await emit(f"the traffic goes to v{self._rollout.deployment}")

    async def lead_back(self) -> None:
        """Make all but the Service what it was: while pods of both are there, it leads to both."""
        await self._restore([key for key in self._touched if key[0] != "Service"])

    async def narrow(self) -> None:
        """Make the Service what it was."""
        await self._restore([key for key in self._touched if key[0] == "Service"])

    async def bridge(self, live: Object, wanted: Object) -> None:
        """Let the Service lead to the pods of both again, where it had been narrowed already."""
        for each in (each for each in self._wanted if _key(each) in self._touched and each["kind"] == "Service"):
            found = self._before.get(_key(each))
            if found is not None:
                await self._applier.apply(bridged(each, found, ports_of(live), ports_of(wanted)))

    async def _apply(self, manifest: Object, emit: Emit) -> None:
        if _key(manifest) not in self._touched:
            self._touched.append(_key(manifest))  # before: an answer may be lost
        await self._applier.apply(manifest, emit)

    async def _restore(self, keys: Sequence[Key]) -> None:
        wanted = {_key(each): each for each in self._wanted}
        for key in reversed(keys):
            found, manifest = self._before.get(key), wanted[key]
            try:
                if found is None:
                    await self._api.delete(kinds.of(manifest), manifest["metadata"]["namespace"], key[1])
                else:
                    await self._applier.apply(manifest | {"spec": _given(found)})
            except RefusedError as error:  # the rest is led back all the same; reconcile tries again
                _log.warning("%s %s is not led back: %s", *key, error)

    async def _taken(self, emit: Emit, guard: Guard) -> None:
        """Wait for the gateway's word. None at all, after a while, is told and is no failure: the routes stand."""
        namespace, until = names.namespace(self._rollout.app), time.monotonic() + ROUTE_SECONDS
        hosts = {route.host for route in self._rollout.unit.routes}
        while hosts:
            found, _ = await self._api.list(kinds.HTTP_ROUTE, namespace)
            for route in found:
                said = _said(route)
                if said is True:
                    hosts.discard(route["metadata"]["name"])
                elif isinstance(said, str) and route["metadata"]["name"] in hosts and time.monotonic() >= until:
                    raise RolloutFailedError(diagnosis.route_refused(route["metadata"]["name"], said))
            if not hosts:
                return
            if time.monotonic() >= until:
                await emit(f"no gateway has taken the route of {', '.join(sorted(hosts))} yet")
                return
            await guard()
            await asyncio.sleep(0.5)


def _key(manifest: Object) -> Key:
    return manifest["kind"], manifest["metadata"]["name"]


def _given(found: Object) -> Object:
    """What loco gave of an object's spec: the cluster's own additions to a Service are the cluster's."""
    if found["kind"] != "Service":
        return dict(found["spec"])
    kept = ("name", "port", "targetPort", "protocol", "appProtocol")
    ports = [{key: port[key] for key in kept if key in port} for port in found["spec"]["ports"]]
    return {"type": found["spec"]["type"], "selector": found["spec"]["selector"], "ports": ports}


def _said(route: Object) -> bool | str | None:
    """True: taken. A text: refused, and why. None: nobody has said anything about this generation."""
    for parent in (route.get("status") or {}).get("parents") or []:
        known = {each["type"]: each for each in parent.get("conditions") or []}
        accepted = known.get("Accepted")
        if accepted is None or int(accepted.get("observedGeneration", 0)) < int(route["metadata"]["generation"]):
            continue
        for kind in ("Accepted", "ResolvedRefs"):
            if kind in known and known[kind]["status"] == "False":
                return f"{known[kind].get('reason', '')}: {known[kind].get('message', '')}"
        return True
    return None
