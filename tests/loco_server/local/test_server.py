import os
import pwd

import pytest

from loco_server.local import server


def test_the_administrator_is_the_user_of_the_process_whatever_its_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    assert server._login() == pwd.getpwuid(os.geteuid()).pw_name


def test_a_user_whom_the_database_does_not_know_is_named_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 3_999_999_999)
    assert server._login() == "uid-3999999999"
