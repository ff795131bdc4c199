import os
import socket
from pathlib import Path

from loco_server.engines.docker.listening import of_process, parse

TCP = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0
   1: 00000000:0BB8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0
   2: 0B00007F:9C40 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0
   3: 0200D60A:1F90 0100D60A:D431 01 00000000:00000000 00:00000000 00000000     0
"""
TCP6 = """  sl  local_address                         remote_address                        st
   0: 00000000000000000000000000000000:1F91 00000000000000000000000000000000:0000 0A 0:0
   1: 00000000000000000000000001000000:1F92 00000000000000000000000000000000:0000 0A 0:0
   2: 0000000000000000FFFF00000100007F:1F93 00000000000000000000000000000000:0000 0A 0:0
"""


def test_listening_sockets_are_read_and_the_engines_own_left_out() -> None:
    assert {str(listener) for listener in parse(TCP)} == {"127.0.0.1:8080", "0.0.0.0:3000"}


def test_ipv6_is_read_too() -> None:
    found = {str(listener): listener.loopback_only for listener in parse(TCP6)}
    assert found == {"[::]:8081": False, "[::1]:8082": True, "127.0.0.1:8083": True}


def test_a_real_socket_of_this_process_is_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        listeners = of_process(os.getpid())
        assert listeners is not None
        address, port = server.getsockname()
        assert f"{address}:{port}" in {str(listener) for listener in listeners}


def test_a_process_that_cannot_be_seen_is_no_answer(tmp_path: Path) -> None:
    assert of_process(77, proc=tmp_path) is None
    assert of_process(0) is None
