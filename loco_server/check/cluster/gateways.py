"""The Gateway that requests come by: there, taken by its implementation, and listening for loco's names."""

from dataclasses import dataclass
from typing import Any

from loco_server.check.cluster.asking import APPLY, Asker, condition
from loco_server.check.cluster.place import Place
from loco_server.check.finding import Finding, missing, ok, unknown
from loco_server.engines.kubernetes.kinds import Kind

GATEWAY, LISTENERS = "gateway", "listeners"
_GATEWAY = Kind("Gateway", "gateway.networking.k8s.io/v1", "gateways")
_CLASS = Kind("GatewayClass", "gateway.networking.k8s.io/v1", "gatewayclasses", namespaced=False)


@dataclass(frozen=True)
class Gateway:
    namespace: str
    name: str
    object: dict[str, Any] | None
    of_class: dict[str, Any] | None


def judge(found: Gateway) -> Finding:
    where = f"{found.namespace}/{found.name}"
    if found.object is None:
        return missing(GATEWAY, f"there is no Gateway {where}", APPLY)
    name = (found.object.get("spec") or {}).get("gatewayClassName", "")
    if found.of_class is None:
        return missing(
            GATEWAY, f"{where} is of the class {name}, which is not there", "install Envoy Gateway, and its component"
        )
    controller = (found.of_class.get("spec") or {}).get("controllerName", "")
    accepted, why = condition(found.of_class, "Accepted")
    if accepted != "True":
        return missing(GATEWAY, f"no controller takes the class {name} ({why})", f"install or look at {controller}")
    for kind in ("Accepted", "Programmed"):
        status, why = condition(found.object, kind)
        if status != "True":
            fix = f"kubectl describe gateway {found.name} -n {found.namespace}"
            return missing(GATEWAY, f"{where} is not {kind.lower()} ({why})", fix)
    addresses = [str(each.get("value")) for each in (found.object.get("status") or {}).get("addresses") or []]
    return ok(GATEWAY, f"{where} by {controller}, at {', '.join(addresses) or 'no address that it tells'}")


def listeners(found: Gateway, domain: str) -> Finding:
    if found.object is None:
        return missing(LISTENERS, "there is no Gateway to listen", APPLY)
    wanted = [each.get("hostname", "") for each in (found.object.get("spec") or {}).get("listeners") or []]
    needed = [f"api.{domain}", f"registry.{domain}", f"*.{domain}"] if domain else []
    lacking = [name for name in needed if name not in wanted]
    if lacking:
        return missing(LISTENERS, f"nothing listens for {', '.join(lacking)}", f"set the domain, and {APPLY}")
    told = (found.object.get("status") or {}).get("listeners") or []
    if not told:
        return unknown(LISTENERS, "nobody has said yet how they are", "see the check gateway")
    for each in told:
        for kind in ("ResolvedRefs", "Programmed"):
            status, why = condition(each, kind)
            if status != "True":
                fix = f"kubectl describe gateway {found.name} -n {found.namespace}"
                if kind == "ResolvedRefs":
                    fix = f"the Secret loco-tls must be there, with a certificate for *.{domain or 'DOMAIN'}; {fix}"
                return missing(LISTENERS, f"{each.get('name')}: {_WORDS[kind]} ({why})", fix)
    return ok(LISTENERS, f"{', '.join(str(each.get('name')) for each in told)}")


_WORDS = {"ResolvedRefs": "its certificate, or what it refers to, is not there", "Programmed": "it does not listen"}


async def facts(asker: Asker, place: Place) -> Gateway:
    namespace, name = place.gateway
    found = await asker.get(_GATEWAY, namespace, name)
    of_class = None
    if found is not None:
        of_class = await asker.get(_CLASS, None, found["spec"]["gatewayClassName"])
    return Gateway(namespace, name, found, of_class)


async def look(asker: Asker, place: Place) -> Finding:
    return judge(await facts(asker, place))


async def look_at_listeners(asker: Asker, place: Place) -> Finding:
    return listeners(await facts(asker, place), place.domain)
