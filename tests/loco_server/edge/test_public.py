from pathlib import Path
from typing import Any

import pytest

from loco_server.edge import public


def redirect(https: int, http: int) -> dict[str, Any]:
    layout = public.PublicLayout(
        "127.0.0.1", https, http, "api.x.example", "registry.x.example", Path("/a"), Path("/t")
    )
    _, plain = public.listeners(layout, edge={}, registry={})
    found = plain["filter_chains"][0]["filters"][0]["typed_config"]["route_config"]["virtual_hosts"][0]["routes"]
    (route,) = found
    answer: dict[str, Any] = route["redirect"]
    return answer


@pytest.mark.parametrize(
    ("https", "http", "port"), [(443, 80, None), (8443, 80, 8443), (443, 8080, 443), (8443, 8080, 8443)]
)
def test_a_port_is_written_into_an_address_only_where_it_must_be(https: int, http: int, port: int | None) -> None:
    assert redirect(https, http).get("port_redirect") == port
