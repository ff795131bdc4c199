"""Envoy's numbers, with names that people know."""

from loco_server.telemetry.edge import worded

SAID = """\
# TYPE envoy_cluster_upstream_rq_xx counter
envoy_cluster_upstream_rq_xx{envoy_response_code_class="2",envoy_cluster_name="abcdefghij-v12-http"} 20
envoy_cluster_upstream_rq_xx{envoy_response_code_class="5",envoy_cluster_name="abcdefghij-v12-http"} 1
envoy_cluster_upstream_rq_xx{envoy_response_code_class="2",envoy_cluster_name="unknownapp-v1-http"} 7
envoy_cluster_upstream_rq_xx{envoy_response_code_class="2",envoy_cluster_name="loco-registry"} 7

# TYPE envoy_cluster_upstream_rq_time histogram
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="abcdefghij-v12-http",le="0.5"} 0
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="abcdefghij-v12-http",le="5"} 20
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="abcdefghij-v12-http",le="+Inf"} 21
envoy_cluster_upstream_rq_time_sum{envoy_cluster_name="abcdefghij-v12-http"} 42.5
envoy_cluster_upstream_rq_time_count{envoy_cluster_name="abcdefghij-v12-http"} 21
"""


def test_what_envoy_counts_of_an_app_is_told_under_its_names_and_nothing_else() -> None:
    own = 'team="acme",app="shop",deployment="v12",port="http"'
    lines = [line for line in worded(SAID, {"abcdefghij": ("acme", "shop")}).splitlines() if line[0] != "#"]
    assert lines == [
        f'loco_app_requests_total{{{own},status="2xx"}} 20',
        f'loco_app_requests_total{{{own},status="5xx"}} 1',
        f'loco_app_request_milliseconds_bucket{{{own},le="5"}} 20',
        f'loco_app_request_milliseconds_bucket{{{own},le="+Inf"}} 21',
        f"loco_app_request_milliseconds_sum{{{own}}} 42.5",
        f"loco_app_request_milliseconds_count{{{own}}} 21",
    ]
