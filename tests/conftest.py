"""What every test gets: the asyncio backend, a private home, no colour, 80 columns."""

import signal
from pathlib import Path

import pytest

CI = ("CI", "GITHUB_ACTIONS", "GITLAB_CI", "LOCO_ID_TOKEN", "LOCO_INVITATION", "ACTIONS_ID_TOKEN_REQUEST_URL")
"""What a CI job is known by, and who it is."""

pytest_plugins = ["tests.engine", "tests.kube.fixtures", "tests.postgres", "tests.sizing"]

# Started in the background of a shell, this process would ignore Ctrl-C, and so would every command that a test starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rewrite-golden", action="store_true", help="write the golden files anew, to be looked at in the diff"
    )


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def private_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing of the person who runs the tests is read or written."""
    home = tmp_path / "home"
    home.mkdir()
    for name in ("LOCO_TOKEN", "LOCO_SERVER", "LOCO_DEBUG", "DOCKER_CONFIG", "DOCKER_CONTEXT", *CI):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(home / name.lower()))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LOCO_CREDENTIAL_STORE", "file")
    return home
