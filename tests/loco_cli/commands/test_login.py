"""`loco login`: by a file on the server's machine, or with a token from stdin; what of it is remembered."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from loco_cli import config
from loco_cli.credentials import Credentials
from loco_spec import api
from loco_spec.errors import NotSignedIn
from loco_spec.names import new_id
from tests.loco_cli.conftest import Loco
from tests.loco_cli.samples import THE_SERVER, me
from tests.loco_cli.server import URL, Server

PROOF = "Zm9v-YmFy_" * 4 + "abc"
OTHER = "https://loco.example.com"


@pytest.fixture
def proof(tmp_path: Path) -> Path:
    path = tmp_path / f"local-{new_id()}{new_id()}"
    path.write_text(f"{PROOF}\n")
    return path


def prompts(server: Server, file: Path | None) -> None:
    server.answers("GET /v1/server", THE_SERVER)
    prompt = api.LoginPrompt(login="local-7", provider="local", expires_in=60, file=None if file is None else str(file))
    server.answers("POST /v1/login", prompt)


def signs_in(server: Server, file: Path) -> None:
    prompts(server, file)
    server.answers("POST /v1/login/local-7", api.SignedIn(token="loco_new", me=me()))


def is_remembered(url: str, token: str) -> bool:
    found = Credentials().find(url)
    return found is not None and found.text == token and config.server().value == url


def nothing_is_remembered() -> bool:
    return not Credentials().path.exists() and not config.config_file().exists()


def test_on_the_servers_machine_its_file_is_read_and_nothing_is_asked(server: Server, loco: Loco, proof: Path) -> None:
    signs_in(server, proof)
    found = loco("login")
    assert (found.code, found.err) == (0, "")
    assert found.out == f"signed in to {URL} as ann; the token is in {Credentials().path}\n"
    assert server.body() == {"proof": PROOF, "invitation": None}
    assert is_remembered(URL, "loco_new")


def test_a_server_that_is_named_becomes_the_default(server: Server, loco: Loco, proof: Path) -> None:
    server.url = "http://localhost:7777"
    signs_in(server, proof)
    assert loco("login", "--server", "http://localhost:7777/").code == 0
    assert is_remembered("http://localhost:7777", "loco_new")


def test_a_program_gets_everything_but_the_token(server: Server, loco: Loco, proof: Path) -> None:
    signs_in(server, proof)
    found = loco("login", "--json")
    assert found.json["result"] == {
        "server": URL,
        "me": me().model_dump(mode="json"),
        "kept_in": str(Credentials().path),
    }
    assert "loco_new" not in found.out


def test_a_token_from_stdin_is_tried_and_kept(server: Server, loco: Loco, types: Callable[[str], None]) -> None:
    types("loco_given\n")
    server.url = OTHER
    server.answers("GET /v1/me", me(), match_headers={"authorization": "Bearer loco_given"})
    found = loco("login", "--server", OTHER, "--token-stdin")
    assert found.code == 0
    assert is_remembered(OTHER, "loco_given")


def test_a_token_from_stdin_that_is_refused_is_not_kept(
    server: Server, loco: Loco, types: Callable[[str], None]
) -> None:
    types("loco_given\n")
    server.refuses("GET /v1/me", NotSignedIn("the token is not good", hint="loco login"))
    found = loco("login", "--token-stdin")
    assert (found.code, found.err) == (4, "error: the token is not good (it came from stdin)\nnext: loco login\n")
    assert nothing_is_remembered()


@pytest.mark.parametrize("typed", ["", "\n", "  \n"])
def test_an_empty_stdin_is_no_token(server: Server, loco: Loco, types: Callable[[str], None], typed: str) -> None:
    types(typed)
    found = loco("login", "--token-stdin")
    assert found.code == 2
    assert found.err == "error: there is no token on stdin\nnext: loco login --token-stdin < FILE\n"
    assert server.asked == []


def test_a_token_from_stdin_is_not_sent_unencrypted(loco: Loco, types: Callable[[str], None]) -> None:
    types("loco_given\n")
    found = loco("login", "--server", "http://loco.example.com", "--token-stdin")
    assert found.code == 2
    assert "is not encrypted" in found.err
    assert nothing_is_remembered()


def test_a_proof_that_is_refused_keeps_nothing(server: Server, loco: Loco, proof: Path) -> None:
    prompts(server, proof)
    server.refuses("POST /v1/login/local-7", NotSignedIn("the proof is wrong"))
    assert loco("login").code == 4
    assert nothing_is_remembered()


def test_a_file_that_somebody_elses_server_names_is_never_read(server: Server, loco: Loco, proof: Path) -> None:
    server.url = OTHER
    prompts(server, proof)
    found = loco("login", "--server", OTHER, "--provider", "local")
    assert found.code == 4
    assert found.err == (
        f"error: {OTHER} is not on this machine; its sign-in by file works there alone\nnext: loco login there\n"
    )
    assert server.asked == ["GET /v1/server", "POST /v1/login"]


@pytest.mark.parametrize("name", [".netrc", "id_ed25519", "local-token", "x-local-aaaaaaaaaaaaaaaaaaaa"])
def test_a_file_that_is_no_servers_proof_is_not_read_for_whoever_listens_on_the_servers_port(
    server: Server, loco: Loco, tmp_path: Path, name: str
) -> None:
    secret = tmp_path / name
    secret.write_text("a short secret")
    prompts(server, secret)
    found = loco("login")
    assert (found.code, found.out) == (4, "")
    assert found.err == f"error: {secret} is not a file that a loco server writes, and is not sent to {URL}\n"
    assert server.asked == ["GET /v1/server", "POST /v1/login"]


def test_a_link_with_the_name_of_a_proof_is_not_followed(
    server: Server, loco: Loco, tmp_path: Path, proof: Path
) -> None:
    secret = tmp_path / "id_ed25519"
    secret.write_text("a short secret")
    proof.unlink()
    proof.symlink_to(secret)
    prompts(server, proof)
    found = loco("login")
    assert (found.code, found.out) == (4, "")
    assert f"{proof} cannot be read" in found.err
    assert server.asked == ["GET /v1/server", "POST /v1/login"]


def test_a_sign_in_of_another_kind_is_told(server: Server, loco: Loco) -> None:
    prompts(server, None)
    found = loco("login")
    assert (found.code, found.err.splitlines()[1]) == (4, "next: loco version")
    assert "asks for a sign-in that this loco does not know" in found.err


def missing(path: Path) -> None:
    path.unlink()


def no_text(path: Path) -> None:
    path.write_bytes(b"\xff" * 43)


@pytest.mark.parametrize("spoil", [missing, no_text])
def test_a_file_that_cannot_be_read_says_who_can(
    server: Server, loco: Loco, proof: Path, spoil: Callable[[Path], None]
) -> None:
    spoil(proof)
    prompts(server, proof)
    found = loco("login", "--json")
    assert found.code == 4
    assert found.json["error"]["message"] == (
        f"{proof} cannot be read: only the user who runs the server on this machine can sign in so"
    )
    assert found.json["error"]["hint"] == "run it as that user, or: loco login --token-stdin"


def test_a_large_file_is_not_what_a_server_writes(server: Server, loco: Loco, proof: Path) -> None:
    proof.write_text("a" * 201)
    prompts(server, proof)
    found = loco("login")
    assert found.code == 4
    assert f"{proof} is not what a loco server writes" in found.err
    assert server.asked == ["GET /v1/server", "POST /v1/login"]


def test_a_second_sign_in_replaces_the_first(server: Server, loco: Loco, proof: Path) -> None:
    Credentials().keep(URL, "loco_old")
    signs_in(server, proof)
    assert loco("login").code == 0
    assert json.loads(Credentials().path.read_text())["servers"] == {URL: "loco_new"}
