"""The registry gateway, asked as nobody: whether it is there, and sends whoever comes for a token."""

import httpx

from loco_cli.config import is_loopback
from loco_spec.errors import RegistryUnreachable


def challenge(registry: str, seconds: float) -> tuple[int, str]:
    """Give the status and the challenge that `GET /v2/` of the registry (host and port) is answered with.

    Raises:
        RegistryUnreachable: no answer.
    """
    local = is_loopback(f"//{registry}")
    url = f"{'http' if local else 'https'}://{registry}/v2/"
    try:
        answer = httpx.get(url, timeout=seconds, trust_env=not local)
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as e:
        raise RegistryUnreachable(
            f"the registry at {registry} cannot be reached from here: {str(e) or type(e).__name__}",
            hint="see that the name, the network and the proxy are right; on the server: loco-server local status",
        ) from e
    return answer.status_code, answer.headers.get("www-authenticate", "")
