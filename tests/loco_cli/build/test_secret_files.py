"""What looks like a secret stops a deploy, and what only looks a little like one does not."""

from pathlib import Path

import pytest

from loco_cli.build import files, secret_files
from loco_spec.errors import ConfigError, SecretFilesFound

CERTIFICATE = "# Issuer: x\n-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
KEY = "-----BEGIN EC PRIVATE KEY-----\nMHcC\n-----END EC PRIVATE KEY-----\n"


def check(context: Path, *allow: str) -> None:
    (context / "Dockerfile").touch()
    (context / ".dockerignore").touch()
    found = files.listing(context, files.rules(context, "Dockerfile"), "Dockerfile").entries
    secret_files.check(context, found, allow)


def write(context: Path, path: str, text: str = "x") -> None:
    (context / path).parent.mkdir(parents=True, exist_ok=True)
    (context / path).write_text(text)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (".env", "A=1"),
        ("api/.env", "A=1"),
        (".env.production", "A=1"),
        ("server.pem", "x"),
        ("server.pem", KEY),
        ("server.pem", CERTIFICATE + KEY),
        ("tls/server.key", KEY),
        (".ssh/id_rsa", "x"),
        ("id_dsa", "x"),
        ("id_ecdsa", "x"),
        ("id_ed25519", "x"),
        ("kubeconfig", "x"),
        ("prod.kubeconfig", "x"),
        (".kube/config", "x"),
        (".npmrc", "//registry.example/:_authToken=abc"),
        (".npmrc", "registry=https://me:pass@registry.example/"),
        (".npmrc", "something else"),
        (".netrc", "x"),
        (".pypirc", "x"),
        (".git-credentials", "x"),
        (".docker/config.json", "{}"),
        (".aws/credentials", "x"),
        ("store.p12", "x"),
        ("store.pfx", "x"),
        ("store.jks", "x"),
        ("credentials.json", '{"type": "service_account", "private_key": "x"}'),
        ("web/credentials.json", '{"installed": {"client_secret": "x"}}'),
    ],
)
def test_it_stops_at(tmp_path: Path, path: str, text: str) -> None:
    write(tmp_path, path, text)
    with pytest.raises(SecretFilesFound, match=f"what looks like a secret: {path}$") as caught:
        check(tmp_path)
    assert ".dockerignore" in caught.value.hint
    assert f'allow = ["{path}"]' in caught.value.hint


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (".env.example", "A="),
        ("api/.env.sample", "A="),
        (".env.template", "A="),
        (".env.dist", "A="),
        ("id_rsa.pub", "x"),
        (".venv/lib/certifi/cacert.pem", CERTIFICATE * 100),
        ("public.pem", "-----BEGIN PUBLIC KEY-----\nx\n"),
        (".npmrc", "# ours\nengine-strict=true\nregistry = https://registry.example/\n"),
        (".npmrc", "//registry.example/:_authToken=${NPM_TOKEN}"),
        ("tests/credentials.json", '{"user": "somebody"}'),
        ("environment", "x"),
        (".envrc.d/a", "x"),
        ("kube/config", "x"),
        ("config.json", "{}"),
        ("monkey", "x"),
    ],
)
def test_it_does_not_stop_at(tmp_path: Path, path: str, text: str) -> None:
    write(tmp_path, path, text)
    check(tmp_path)


def test_a_folder_of_that_name_and_a_link_are_no_secrets(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    (tmp_path / "id_rsa").symlink_to("/home/somebody/.ssh/id_rsa")
    check(tmp_path)


def test_a_repository_is_named_once(tmp_path: Path) -> None:
    for path in ("HEAD", "config", "refs/heads/main", "a.pem"):
        write(tmp_path, f".git/{path}")
        write(tmp_path, f"vendor/lib/.git/{path}")
    with pytest.raises(SecretFilesFound, match=r"secret: \.git, vendor/lib/\.git$"):
        check(tmp_path)


def test_a_submodules_git_file_is_no_repository(tmp_path: Path) -> None:
    write(tmp_path, "lib/.git", "gitdir: ../.git/modules/lib\n")
    check(tmp_path)


def test_five_are_named_and_the_others_counted(tmp_path: Path) -> None:
    for number in range(8):
        write(tmp_path, f"{number}/.env")
    with pytest.raises(SecretFilesFound, match=r"0/\.env, 1/\.env, 2/\.env, 3/\.env, 4/\.env and 3 more$"):
        check(tmp_path)


@pytest.mark.parametrize(
    "allow", ["a/b.pem", "/a/b.pem", "./a/b.pem", "a", "a/", "a/*.pem", "**/*.pem", "**/b.pem", "*/b.pem"]
)
def test_what_is_allowed_is_allowed(tmp_path: Path, allow: str) -> None:
    write(tmp_path, "a/b.pem")
    check(tmp_path, allow)


@pytest.mark.parametrize("allow", ["b.pem", "*.pem", "a/b", "a/b.pem.old"])
def test_what_is_not_named_from_the_contexts_top_is_not_allowed(tmp_path: Path, allow: str) -> None:
    write(tmp_path, "a/b.pem")
    with pytest.raises(SecretFilesFound):
        check(tmp_path, allow)


def test_what_is_allowed_may_have_exceptions(tmp_path: Path) -> None:
    write(tmp_path, "a/b.pem")
    write(tmp_path, "a/c.pem")
    with pytest.raises(SecretFilesFound, match=r"secret: a/c\.pem$"):
        check(tmp_path, "a", "!a/c.pem")


def test_an_allowed_repository_is_allowed_whole(tmp_path: Path) -> None:
    write(tmp_path, ".git/HEAD")
    write(tmp_path, ".git/a.pem")
    check(tmp_path, ".git")


@pytest.mark.parametrize("allow", ["[z-a]", ""])
def test_an_entry_that_is_no_pattern_is_told(tmp_path: Path, allow: str) -> None:
    with pytest.raises(ConfigError, match="allow under \\[build\\]"):
        check(tmp_path, allow)
