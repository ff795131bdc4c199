import os
import socket

import pytest

from loco_server.local.ports import ensure_free, listener
from loco_spec.errors import Conflict
from tests.ports import free_port


def test_a_free_port_is_fine_also_just_after_it_was_used() -> None:
    port = free_port()
    ensure_free("127.0.0.1", port, "--edge-port")
    ensure_free("127.0.0.1", port, "--edge-port")


def test_a_taken_one_names_the_port_the_listener_and_the_flag() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            Conflict, match=rf"port {port} of 127\.0\.0\.1 is taken by .+ \(pid {os.getpid()}\)"
        ) as error:
            ensure_free("127.0.0.1", port, "--registry-port")
        assert "--registry-port" in error.value.hint
        assert str(os.getpid()) in str(listener(port))


def test_nobody_listens_on_a_free_port() -> None:
    assert listener(free_port()) is None


def test_an_address_that_is_not_this_machines_is_said_so() -> None:
    with pytest.raises(Conflict, match="Cannot assign requested address"):
        ensure_free("192.0.2.77", free_port(), "--edge-port")
