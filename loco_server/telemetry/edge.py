"""Envoy's own numbers of each app, with the names of team and app in place of the cluster's. Pure."""

import re
from collections.abc import Mapping

FILTER = r"^cluster\.[^.]+\.upstream_rq_([1-5]xx|time)$"
"""What Envoy is asked for: its counters of answers by class, and the histogram of their time, in milliseconds."""
_LINE = re.compile(
    r'^envoy_cluster_upstream_rq_(?:xx|(time_(?:bucket|sum|count)))\{(?:envoy_response_code_class="(\d)",)?'
    r'envoy_cluster_name="([a-z0-9]+)-v(\d+)-([a-z0-9-]+)"(?:,le="([^"]+)")?\} (\S+)$',
    re.MULTILINE,
)
_LEFT_OUT = frozenset(("0.5", "1800000", "3600000"))
_HEAD = """\
# HELP loco_app_requests_total Answers of the app through the edge, by class of status, since the deployment came.
# TYPE loco_app_requests_total counter
"""
_HISTOGRAM = """\
# HELP loco_app_request_milliseconds How long the app's answers took through the edge.
# TYPE loco_app_request_milliseconds histogram
"""


def worded(text: str, names: Mapping[str, tuple[str, str]]) -> str:
    """Reword Envoy's answer; `names` gives team and app by the app's id, and what it does not know is left out."""
    requests, times = [], []
    for kind, status, app_id, number, port, le, value in _LINE.findall(text):
        team, app = names.get(app_id, ("", ""))
        if not app or le in _LEFT_OUT:
            continue
        labels = f'team="{team}",app="{app}",deployment="v{number}",port="{port}"'
        if status:
            requests.append(f'loco_app_requests_total{{{labels},status="{status}xx"}} {value}\n')
        elif kind:
            bound = f',le="{le}"' if le else ""
            times.append(f"loco_app_request_milliseconds_{kind.removeprefix('time_')}{{{labels}{bound}}} {value}\n")
    return "".join([_HEAD, *requests, _HISTOGRAM, *times])
