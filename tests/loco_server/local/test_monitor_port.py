"""The port that an operator names for metrics."""

from pathlib import Path

import pytest

from loco_server.local.server import LocalServer
from loco_server.settings import Settings
from loco_server.telemetry.settings import TelemetrySettings
from loco_spec.errors import Conflict
from tests.ports import free_port


def test_it_is_listened_on_and_one_that_is_taken_stops_the_start_and_names_the_variable(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, telemetry=TelemetrySettings(listen=("127.0.0.1", free_port())))
    server = LocalServer(settings, say=print)
    bound = server._listen_monitor()
    assert bound is not None
    with bound, pytest.raises(Conflict) as refused:
        server._listen_monitor()
    assert settings.telemetry.listen is not None
    assert f"port {settings.telemetry.listen[1]} of 127.0.0.1" in refused.value.message
    assert "LOCO_METRICS_LISTEN" in str(refused.value.hint)


def test_none_is_listened_on_unless_it_is_named(tmp_path: Path) -> None:
    assert LocalServer(Settings(data_dir=tmp_path), say=print)._listen_monitor() is None
