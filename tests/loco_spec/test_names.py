"""Names, and what is derived from them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loco_spec import names, paths

slugs = st.from_regex(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?", fullmatch=True)


@given(st.text())
def test_every_text_becomes_a_slug(text: str) -> None:
    assert names.is_slug(names.slugify(text))


@given(slugs)
def test_a_slug_stays_as_it_is(slug: str) -> None:
    assert names.is_slug(slug)
    assert names.slugify(slug) == slug


@pytest.mark.parametrize(
    ("text", "slug"),
    [("My Shop", "my-shop"), ("Café_2", "cafe-2"), ("9lives", "lives"), ("日本", "app"), ("--", "app")],
)
def test_a_folders_name_becomes_a_slug_that_people_recognise(text: str, slug: str) -> None:
    assert names.slugify(text) == slug


@given(slugs)
def test_a_namespace_fits_kubernetes_and_begins_with_the_prefix(slug: str) -> None:
    found = names.namespace(slug, names.new_id())
    assert found.startswith("loco-app-")
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", found)


def test_ids_are_ten_base32_characters_and_differ() -> None:
    found = {names.new_id() for _ in range(1000)}
    assert len(found) == 1000
    assert all(re.fullmatch(r"[a-z2-7]{10}", each) for each in found)


def test_hosts_are_rfc_1123_names() -> None:
    assert names.is_host("shop")
    assert names.is_host("3d.example.com")
    assert not names.is_host("a" * 64)
    assert not names.is_host(".".join(["a" * 60] * 5))


def test_the_look_alikes_of_reserved_hosts_are_reserved_and_others_are_not() -> None:
    assert all(names.is_reserved_host(host) for host in ("api", "www", "ad-min", "l0c0", "reg1stry"))
    assert not names.is_reserved_host("shop")


def test_repositories_and_variables_carry_the_names() -> None:
    assert names.repository("acme", "shop", "abcdefghij") == "acme/shop-abcdefghij"
    assert names.host_variable("shop-api", "HOST") == "LOCO_APP_SHOP_API_HOST"


def test_a_path_is_filled_with_names() -> None:
    assert paths.fill(paths.DEPLOYMENT, team="acme", app="shop", number=3) == "/v1/teams/acme/apps/shop/deployments/3"
