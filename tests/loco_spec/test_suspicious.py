"""What is legal and suspicious is told, and no secret is shown in the telling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loco_spec import suspicious, toml


def warnings(text: str) -> dict[str, str]:
    return {fault.path: fault.message for fault in toml.parsed(text, default_name="shop").warnings}


@pytest.mark.parametrize(
    "name",
    [
        "PASSWORD",
        "DB_PASSWORD",
        "SECRET_KEY",
        "SECRET_KEY_BASE",
        "API_TOKEN",
        "TOKEN",
        "GITHUB_TOKEN",
        "STRIPE_API_KEY",
        "AWS_SECRET_ACCESS_KEY",
        "DATABASE_URL",
        "SENTRY_DSN",
        "private_key",
        "PGPASSWORD",
        "PASSWORD2",
    ],
)
def test_a_name_that_says_secret_is_told(name: str) -> None:
    assert "looks like a secret" in warnings(f'[env]\n{name} = "x"')[f"env.{name}"]


@pytest.mark.parametrize(
    "name",
    ["LOG_LEVEL", "TOKENS_PER_SECOND", "PASSWORD_FILE", "SECRET_NAME", "TOKEN_TTL", "PUBLIC_URL", "KEYBOARD", "PORT"],
)
def test_an_ordinary_name_is_not(name: str) -> None:
    assert not warnings(f'[env]\n{name} = "x"')


def test_a_url_with_a_password_is_told_under_any_name_and_an_empty_value_is_not() -> None:
    assert "env.CACHE" in warnings('[env]\nCACHE = "redis://:hunter2@cache:6379"')
    assert not warnings('[env]\nCACHE = "redis://cache:6379"\nPASSWORD = ""')


def test_a_build_argument_that_looks_like_a_secret_is_told_of_build_secrets() -> None:
    assert "--build-secret" in warnings('[build.args]\nNPM_TOKEN = "x"')["build.args.NPM_TOKEN"]


def test_times_that_do_not_fit_one_another_are_told() -> None:
    found = warnings('[deploy]\ntimeout = "10s"\n[health]\ninterval = "1s"\ntimeout = "2s"')
    assert "health.grace, which is 30s" in found["deploy.timeout"]
    assert "health.interval, which is 1s" in found["health.timeout"]


@pytest.mark.parametrize(
    "line",
    [
        'PASSWORD = "hunter2"',
        "DB_PASSWORD='hunter2'",
        "TOKEN = hunter2",
        'env = { A = "1", API_KEY = "hunter2", B = "2" }',
        '"API_TOKEN" = "hunter2"',
        'SECRET = "hunter2',
        'OTHER = "postgres://ann:hunter2@db/shop"',
        r'PASSWORD = "hun\"hunter2"',
    ],
)
def test_a_shown_line_keeps_its_length_and_loses_the_secret(line: str) -> None:
    shown = suspicious.masked(line)
    assert "hunter2" not in shown
    assert len(shown) == len(line)


def test_a_line_without_a_secret_is_shown_as_it_is() -> None:
    line = 'env = { LOG_LEVEL = "info", PORT = "80" } # TOKEN'
    assert suspicious.masked(line) == line


@given(st.text())
def test_any_line_keeps_its_length(line: str) -> None:
    assert len(suspicious.masked(line)) == len(line)
