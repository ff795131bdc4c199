import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loco_spec import references
from loco_spec.references import Reference

SHA = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "domain", "path", "tag", "digest"),
    [
        ("postgres", "docker.io", "library/postgres", None, None),
        ("shop:dev", "docker.io", "library/shop", "dev", None),
        ("acme/shop", "docker.io", "acme/shop", None, None),
        ("docker.io/postgres:17", "docker.io", "library/postgres", "17", None),
        ("index.docker.io/acme/shop", "docker.io", "acme/shop", None, None),
        ("ghcr.io/acme/shop:1.4", "ghcr.io", "acme/shop", "1.4", None),
        ("GHCR.io/acme/shop", "GHCR.io", "acme/shop", None, None),
        ("localhost/shop", "localhost", "shop", None, None),
        ("localhost:5000/shop:1", "localhost:5000", "shop", "1", None),
        ("127.0.0.1:5000/a/b/c", "127.0.0.1:5000", "a/b/c", None, None),
        ("[2001:db8::1]:5000/shop:1", "[2001:db8::1]:5000", "shop", "1", None),
        ("MyHost/shop", "MyHost", "shop", None, None),
        (f"postgres@{SHA}", "docker.io", "library/postgres", None, SHA),
        (f"ghcr.io/acme/shop:1.4@{SHA}", "ghcr.io", "acme/shop", "1.4", SHA),
        ("acme/a__b.c-d--e", "docker.io", "acme/a__b.c-d--e", None, None),
        ("shop:_" + "x" * 127, "docker.io", "library/shop", "_" + "x" * 127, None),
    ],
)
def test_a_reference_is_read(text: str, domain: str, path: str, tag: str | None, digest: str | None) -> None:
    found = references.parse(text)
    assert (found.domain, found.path, found.tag, found.digest) == (domain, path, tag, digest)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected a name"),
        ("https://ghcr.io/acme/shop", "expected"),
        ("acme/Shop", 'expected lower case, such as "acme/shop"'),
        ("Shop:1", "expected lower case"),
        ("acme//shop", "expected a name"),
        ("/shop", "expected a name"),
        ("shop/", "expected a name"),
        ("sh..op", "expected a name"),
        ("sh___op", "expected a name"),
        ("-shop", "expected a name"),
        ("shop 1", "expected a name"),
        ("shop:", "expected a tag"),
        ("shop:.1", "expected a tag"),
        ("shop:" + "x" * 129, "expected a tag"),
        ("shop@sha256:12", "expected a digest"),
        ("shop@", "expected a digest"),
        (f"shop@{SHA}@{SHA}", "expected a digest"),
        ("ghcr..io/shop", "expected a registry"),
        ("ghcr.io:port/shop", "expected a registry"),
        ("-x.io/shop", "expected a registry"),
        ("a" * 64, "docker tag it"),
        ("ghcr.io/" + "a" * 248, "at most 255"),
        ("sh\N{LATIN SMALL LETTER O WITH DIAERESIS}p", "expected a name"),
        ("shop\n", "expected a name"),
    ],
)
def test_what_is_no_reference_is_refused_with_the_part_that_is_off(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        references.parse(text)


def test_what_is_pulled_is_the_digest_else_the_tag_else_latest() -> None:
    assert references.parse(f"shop:1@{SHA}").pulled == SHA
    assert references.parse("shop:1").pulled == "1"
    assert references.parse("shop").pulled == "latest"


def test_only_a_reference_without_a_domain_is_short() -> None:
    assert references.parse("acme/shop").is_short
    assert not references.parse("docker.io/acme/shop").is_short
    assert not references.parse("localhost/shop").is_short


def test_another_tag_or_digest_in_the_same_repository_is_named() -> None:
    assert references.parse("ghcr.io/acme/shop:1").at("2") == "ghcr.io/acme/shop:2"
    assert references.parse("shop:1").at(SHA) == f"shop@{SHA}"
    assert references.parse("docker.io/shop").at("2") == "docker.io/library/shop:2"


_word = st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True)
_component = st.builds(lambda a, mark, b: a + mark + b, _word, st.sampled_from([".", "_", "__", "-", "---"]), _word)
_path = st.lists(_word | _component, min_size=1, max_size=4).map("/".join)
_domain = st.sampled_from(["ghcr.io", "localhost", "localhost:5000", "127.0.0.1:1", "[::1]:5000", "x-1.Example.com"])
_tag = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)
_digest = st.from_regex(r"sha256:[0-9a-f]{64}", fullmatch=True)


@given(domain=_domain, path=_path, tag=st.none() | _tag, digest=st.none() | _digest)
def test_what_is_put_together_is_read_back(domain: str, path: str, tag: str | None, digest: str | None) -> None:
    text = f"{domain}/{path}{f':{tag}' if tag else ''}{f'@{digest}' if digest else ''}"
    assert references.parse(text) == Reference(domain, path, tag, digest)
    assert str(references.parse(text)) == text


@given(st.text(alphabet="aB0.:/@_-[]", max_size=30) | st.text(max_size=30))
def test_any_text_is_read_as_docker_would_or_refused(text: str) -> None:
    try:
        found = references.parse(text)
    except ValueError:
        return
    assert references.parse(str(found)) == found
    assert not set(str(found)) & set(" \n@") or found.digest


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("docker.io", "docker.io"),
        ("docker.io/library", "docker.io/library"),
        ("GHCR.io/acme", "ghcr.io/acme"),
        ("registry.acme.com:5000/base", "registry.acme.com:5000/base"),
    ],
)
def test_what_references_may_stand_under_has_one_form(text: str, normal: str) -> None:
    assert references.prefix(text) == normal


@pytest.mark.parametrize("text", ["", "python", "acme/shop", "ghcr.io/Acme", "ghcr.io/acme:1"])
def test_what_could_be_meant_two_ways_is_no_prefix(text: str) -> None:
    with pytest.raises(ValueError, match="a registry, or a whole path in one"):
        references.prefix(text)
