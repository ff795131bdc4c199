"""What the operator says about log and metrics."""

import pytest

from loco_server.telemetry.settings import TelemetrySettings, telemetry_settings


def test_what_is_set_counts_and_what_is_not_is_as_the_place_has_it() -> None:
    assert telemetry_settings({}) == TelemetrySettings()
    assert telemetry_settings({}, log_format="json", level="info") == TelemetrySettings("json", "info")
    given = {"LOCO_LOG_FORMAT": "text", "LOCO_LOG_LEVEL": "debug", "LOCO_METRICS_LISTEN": "[::1]:9464"}
    assert telemetry_settings(given, log_format="json") == TelemetrySettings("text", "debug", ("::1", 9464))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOCO_LOG_FORMAT", "xml"),
        ("LOCO_LOG_LEVEL", "loud"),
        *(
            ("LOCO_METRICS_LISTEN", value)
            for value in ("9464", "localhost:9464", "127.0.0.1:0", "127.0.0.1:65536", ":1")
        ),
    ],
)
def test_what_does_not_have_its_form_is_named(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=name):
        telemetry_settings({name: value})
