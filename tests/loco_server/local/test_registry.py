import shutil
import stat
from pathlib import Path

import pytest

from loco_server.local import registry
from loco_server.local.processes import start_time
from loco_server.local.registry import LocalRegistry, configuration, container_argv
from loco_server.settings import Ports, Settings
from loco_spec.errors import UsageError
from tests.ports import free_port


def settings_in(folder: Path) -> Settings:
    found = Settings(data_dir=folder, ports=Ports(registry=free_port()))
    found.run_dir.mkdir()
    return found


@pytest.mark.anyio
@pytest.mark.registry
async def test_it_starts_with_private_files_and_is_adopted_by_the_next(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    first = LocalRegistry(settings, say=print)
    assert await first.process.start() is False
    pid = first.process.pid
    assert pid is not None
    second = LocalRegistry(settings, say=print)
    assert await second.process.start() is True
    assert second.process.pid == pid
    for path in (tmp_path / "registry/config.yml", *settings.keys_dir.iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    await first.process.stop()
    assert start_time(pid) is None


@pytest.mark.anyio
@pytest.mark.registry
async def test_a_collection_that_fails_says_why_and_the_registry_serves_on(tmp_path: Path) -> None:
    local = LocalRegistry(settings_in(tmp_path), say=print)
    await local.process.start()
    with pytest.raises(Exception, match="garbage collection ended with exit code"):
        await local.garbage_collect()  # nothing was ever pushed: Distribution finds no folder of repositories
    assert not local.read_only
    assert await local._ready()
    await local.process.stop()


def test_the_configuration_listens_on_a_socket_alone_and_names_no_debug_port(settings: Settings) -> None:
    found = configuration(settings, read_only=False)
    http = found["http"]
    assert isinstance(http, dict)
    assert (http["net"], http["addr"], http["relativeurls"]) == ("unix", str(settings.registry_socket), True)
    assert "debug" not in http
    assert found["auth"] == configuration(settings, read_only=True)["auth"]
    assert http["secret"] == configuration(settings, read_only=True)["http"]["secret"]  # type: ignore[index]


def test_without_a_binary_it_runs_in_a_container(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"docker": "/usr/bin/docker"}
    monkeypatch.setattr(shutil, "which", there.get)
    argv = registry._argv(settings, "serve", settings.data_dir / "registry/config.yml")
    assert argv == container_argv("/usr/bin/docker", settings, "serve", settings.data_dir / "registry/config.yml")
    assert argv[-3:] == ("registry:3", "serve", f"{settings.data_dir}/registry/config.yml")
    assert argv[argv.index("--network") + 1] == "none"
    assert "--privileged" not in argv
    there.clear()
    with pytest.raises(UsageError, match="no registry on this machine"):
        registry._argv(settings, "serve", settings.data_dir)


@pytest.mark.skip(reason="the image registry:3 cannot be pulled where only packages are reachable")
def test_the_container_serves_like_the_binary() -> None:
    raise AssertionError
