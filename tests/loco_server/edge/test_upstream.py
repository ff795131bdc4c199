"""How somebody else's registry stands in Envoy's configuration. What the real Envoy makes of it: tests/integration."""

from dataclasses import replace
from pathlib import Path

import pytest

from loco_server.edge import config, upstream
from loco_server.edge.upstream import RegistryUpstream
from loco_server.registry_settings import RegistrySettings
from tests.loco_server.edge.test_config import LAYOUT

HARBOR = RegistryUpstream("https://Harbor.example.com", "platform", Path("/ca.pem"))


def test_our_own_is_none() -> None:
    assert upstream.of_settings(RegistrySettings()) is None
    assert upstream.of_settings(RegistrySettings(url="http://loco-registry:5000")) is None


def test_whom_the_operator_names_is_believed_and_else_whom_the_machine_believes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "ca.pem"
    own.write_text("a certificate")
    found = RegistrySettings("harbor", "https://harbor.example.com", "platform", "loco", tmp_path, own)
    assert upstream.of_settings(found) == RegistryUpstream("https://harbor.example.com", "platform", own)
    own.unlink()
    monkeypatch.setattr(upstream, "_BUNDLES", ())
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    with pytest.raises(ValueError, match="LOCO_REGISTRY_CA_FILE"):
        upstream.of_settings(found)
    bundle = tmp_path / "bundle.pem"
    bundle.write_text("certificates")
    monkeypatch.setattr(upstream, "_BUNDLES", (str(bundle),))
    made = upstream.of_settings(found)
    assert made is not None
    assert made.authorities == bundle


def test_the_certificate_must_be_for_the_registrys_name() -> None:
    socket = upstream.upstream_cluster(HARBOR)["transport_socket"]["typed_config"]
    assert socket["sni"] == "harbor.example.com"
    [name] = socket["common_tls_context"]["validation_context"]["match_typed_subject_alt_names"]
    assert name == {"san_type": "DNS", "matcher": {"exact": "harbor.example.com"}}
    plain = RegistryUpstream("http://127.0.0.1:5000", "platform", Path("/ca.pem"))
    assert "transport_socket" not in upstream.upstream_cluster(plain)


def test_v2_itself_has_no_prefix_and_everything_below_it_has() -> None:
    found = config.bootstrap(replace(LAYOUT, registry_upstream=HARBOR))
    [manager] = [each for each in found["static_resources"]["listeners"] if each["name"] == "registry"]
    http = manager["filter_chains"][0]["filters"][0]["typed_config"]
    [host] = http["route_config"]["virtual_hosts"]
    led = [
        (route["match"].get("path") or route["match"]["prefix"], route["route"].get("prefix_rewrite"))
        for route in host["routes"]
    ]
    assert led == [("/v2", None), ("/v2/", None), ("/v2/", "/v2/platform/")] * 2
    assert {route["route"]["host_rewrite_literal"] for route in host["routes"]} == {"Harbor.example.com"}


@pytest.mark.parametrize(
    ("url", "bases"),
    [
        (
            "https://h.example",
            {"https://h.example", "http://h.example", "https://h.example:443", "http://h.example:80"},
        ),
        ("https://h.example:8443", {"https://h.example:8443", "http://h.example:8443"}),
    ],
)
def test_what_counts_as_the_upstream_in_a_location(url: str, bases: set[str]) -> None:
    script = upstream.answers_script(RegistryUpstream(url, "platform", Path("/ca.pem")))
    listed = script.partition("local bases, prefix = {")[2].partition("}")[0]
    assert {part.split('"')[1] for part in listed.split(",")} == bases
