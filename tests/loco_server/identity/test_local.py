from pathlib import Path

import pytest

from loco_server.identity.base import Done, Expired, Identity, Wrong
from loco_server.identity.local import EXPIRES_IN, OPEN_AT_MOST, LocalIdentity

pytestmark = pytest.mark.anyio


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def provider(tmp_path: Path, clock: Clock) -> LocalIdentity:
    return LocalIdentity(tmp_path / "login", user="ann", clock=clock)


async def start(provider: LocalIdentity, login: str) -> tuple[Path, str]:
    prompt = await provider.start(login)
    assert prompt.file is not None
    path = Path(prompt.file)
    return path, path.read_text()


async def test_who_reads_the_file_is_the_administrator(provider: LocalIdentity) -> None:
    path, proof = await start(provider, "local-a")
    assert await provider.finish("local-a", proof) == Done(Identity(provider="local", subject="ann", login="ann"))
    assert not path.exists()


async def test_the_file_is_for_the_servers_user_alone(provider: LocalIdentity) -> None:
    path, _ = await start(provider, "local-a")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("proof", ["", "wrong", "ü", None])
async def test_a_wrong_proof_ends_the_sign_in(provider: LocalIdentity, proof: str | None) -> None:
    path, right = await start(provider, "local-a")
    assert await provider.finish("local-a", proof) == Wrong()
    assert await provider.finish("local-a", right) == Expired()
    assert not path.exists()


async def test_a_proof_works_once(provider: LocalIdentity) -> None:
    _, proof = await start(provider, "local-a")
    assert isinstance(await provider.finish("local-a", proof), Done)
    assert await provider.finish("local-a", proof) == Expired()


async def test_a_proof_is_of_no_use_for_another_sign_in(provider: LocalIdentity) -> None:
    _, proof = await start(provider, "local-a")
    await start(provider, "local-b")
    assert await provider.finish("local-b", proof) == Wrong()


async def test_a_sign_in_is_over_after_its_time_and_its_file_goes(provider: LocalIdentity, clock: Clock) -> None:
    path, proof = await start(provider, "local-a")
    clock.now = EXPIRES_IN
    assert await provider.finish("local-a", proof) == Expired()
    assert not path.exists()


async def test_an_unknown_sign_in_touches_no_file(provider: LocalIdentity, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.touch()
    assert await provider.finish("../victim", "x") == Expired()
    assert victim.exists()


async def test_of_too_many_open_sign_ins_the_oldest_gives_way(provider: LocalIdentity, tmp_path: Path) -> None:
    begun = [await start(provider, f"local-{number}") for number in range(OPEN_AT_MOST + 1)]
    assert len(list((tmp_path / "login").iterdir())) == OPEN_AT_MOST
    assert await provider.finish("local-0", begun[0][1]) == Expired()
    assert isinstance(await provider.finish(f"local-{OPEN_AT_MOST}", begun[-1][1]), Done)
