"""The gateway before somebody else's registry: what a tenant sees of it, and what becomes of its account."""

import logging
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from loco_server.registries.base import RegistryDownError
from loco_spec.names import new_id
from tests.certificates import Authority
from tests.foreign_registry import SECRET, ForeignRegistry
from tests.gateway_stack import GatewayStack, gateway_stack
from tests.registry_client import Image, Pusher, digest, layer

pytestmark = [pytest.mark.registry, pytest.mark.edge]

IMAGE = Image([layer({"etc/passwd": b"app:x:10001:10001::/:\n"})], user="app")


@pytest.fixture(scope="module")
def stack() -> Iterator[GatewayStack]:
    with gateway_stack(kind="gitlab") as found:
        yield found


@pytest.fixture
def foreign(stack: GatewayStack) -> Iterator[ForeignRegistry]:
    found = stack.foreign
    assert found is not None
    yield found
    found.planted.clear()
    found.may = {"pull", "push", "delete"}
    stack.member.refused()


@pytest.fixture
def repository() -> str:
    return f"acme/app-{new_id()}"


def push(stack: GatewayStack, repository: str) -> str:
    pusher = Pusher(stack.settings.registry_host, repository, stack.ticket(repository, "push"))
    try:
        return pusher.image(IMAGE)
    finally:
        pusher.close()


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        ("{url}/v2/{prefix}/{name}/blobs/uploads/u?_state=a%2Fb%3D", "/v2/{name}/blobs/uploads/u?_state=a%2Fb%3D"),
        ("/v2/{prefix}/{name}/blobs/uploads/u?_state=x", "/v2/{name}/blobs/uploads/u?_state=x"),
        ("{secure}/v2/{prefix}/{name}/blobs/uploads/u", "/v2/{name}/blobs/uploads/u"),
        ("{loud}/v2/{prefix}/{name}/blobs/uploads/u", "/v2/{name}/blobs/uploads/u"),
        ("https://storage.example.com/v2/{prefix}/{name}/blobs/uploads/u", None),
        ("{url}.evil.example/v2/{prefix}/{name}/blobs/uploads/u", None),
        ("http://me@{authority}/v2/{prefix}/{name}/blobs/uploads/u", None),
        ("//{authority}/v2/{prefix}/{name}/blobs/uploads/u", None),
        ("{url}/v2/rival/{name}/blobs/uploads/u", None),
        ("{url}", None),
        ("uploads/u?_state=x", None),
        ("", None),
    ],
)
def test_of_where_an_upload_goes_on_a_tenant_sees_our_path_alone(
    stack: GatewayStack, foreign: ForeignRegistry, repository: str, said: str, seen: str | None
) -> None:
    words = {
        "url": foreign.url,
        "secure": foreign.url.replace("http:", "https:"),
        "loud": foreign.url.replace("http:", "HTTP:"),
        "authority": urlsplit(foreign.url).netloc,
        "prefix": foreign.prefix,
        "name": repository,
    }
    foreign.planted["location"] = said.format(**words)
    status, headers, _ = stack.ask("POST", f"/v2/{repository}/blobs/uploads/", stack.token(repository, "push"))
    if seen is None:
        assert status == 502
        assert "location" not in headers
    else:
        assert status == 202
        assert headers["location"] == seen.format(**words)


def test_neither_its_cookies_nor_its_name_reach_a_tenant(
    stack: GatewayStack, foreign: ForeignRegistry, repository: str
) -> None:
    push(stack, repository)
    pull = stack.token(repository, "pull")
    status, headers, body = stack.ask("GET", f"/v2/{repository}/blobs/{digest(IMAGE.layers[0])}", pull)
    assert (status, body) == (200, IMAGE.layers[0])
    assert "set-cookie" not in headers
    assert stack.ask("GET", "/v2/", pull)[0] == 200
    foreign.planted["link"] = f'</v2/{foreign.prefix}/{repository}/tags/list?n=1&last=v1>; rel="next"'
    status, headers, _ = stack.ask("GET", f"/v2/{repository}/tags/list?n=1", pull)
    assert headers["link"] == f'</v2/{repository}/tags/list?n=1&last=v1>; rel="next"'
    foreign.planted["link"] = f'<https://elsewhere.example/v2/{foreign.prefix}/{repository}/tags/list>; rel="next"'
    assert "link" not in stack.ask("GET", f"/v2/{repository}/tags/list?n=1", pull)[1]


def test_when_it_refuses_our_account_a_tenant_is_told_to_wait_and_not_to_sign_in_there(
    stack: GatewayStack, foreign: ForeignRegistry, repository: str
) -> None:
    foreign.may = {"pull"}
    status, headers, _ = stack.ask("POST", f"/v2/{repository}/blobs/uploads/", stack.token(repository, "push"))
    assert status == 503
    assert "www-authenticate" not in headers


def test_a_push_costs_one_purchase_and_no_more(stack: GatewayStack, foreign: ForeignRegistry, repository: str) -> None:
    stack.run(stack.member.upstream_authorization(repository, ("push",)))
    foreign.sold.clear()
    push(stack, repository)
    assert foreign.sold == [f"repository:{foreign.prefix}/{repository}:pull"]  # of the HEAD that goes before


def test_after_the_registry_changed_its_keys_a_new_token_is_bought(
    stack: GatewayStack, foreign: ForeignRegistry, repository: str
) -> None:
    pushed = push(stack, repository)
    assert stack.run(stack.member.manifests(repository)) == {pushed}
    foreign.forget_tokens()
    with pytest.raises(RegistryDownError, match="answered 401"):
        stack.run(stack.member.manifests(repository))
    assert stack.run(stack.member.manifests(repository)) == {pushed}


def test_an_account_that_may_not_delete_is_an_error_that_says_so(
    stack: GatewayStack, foreign: ForeignRegistry, repository: str
) -> None:
    foreign.may = {"pull", "push"}
    pushed = push(stack, repository)
    with pytest.raises(RegistryDownError, match=r"DELETE manifests/.*; its account may not do that there"):
        stack.run(stack.member.delete(repository, pushed))


def test_a_registry_that_sends_on_to_its_storage_is_told_from_one_without_the_image(
    stack: GatewayStack, foreign: ForeignRegistry, repository: str
) -> None:
    pushed = push(stack, repository)
    foreign.redirects = True
    try:
        with pytest.raises(RegistryDownError, match="its redirects are to be off"):
            stack.run(stack.member.image(repository, pushed))
        status, headers, _ = stack.ask(
            "GET", f"/v2/{repository}/blobs/{digest(IMAGE.layers[0])}", stack.token(repository, "pull")
        )
    finally:
        foreign.redirects = False
    assert status == 502
    assert "location" not in headers


def test_a_wrong_secret_refuses_requests_in_words_and_the_log_names_the_variable(
    stack: GatewayStack, foreign: ForeignRegistry, repository: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = stack.settings.data_dir / "registry-password"
    path.write_text("not it")
    try:
        with caplog.at_level(logging.WARNING, "loco.gateway"):
            status, headers, body = stack.ask(
                "POST", f"/v2/{repository}/blobs/uploads/", stack.token(repository, "push")
            )
    finally:
        path.write_text(SECRET)
    assert (status, headers["content-type"]) == (503, "application/json")
    assert b"UNAVAILABLE" in body
    told = [record.getMessage() for record in caplog.records if record.name == "loco.gateway"]
    assert "LOCO_REGISTRY_PASSWORD_FILE" in told[0]
    assert "not it" not in caplog.text
    assert push(stack, repository)  # the file is read again: nothing has to be started anew


def test_it_is_reached_over_tls_where_the_operators_authority_signed_for_its_name(repository: str) -> None:
    authority = Authority()
    with gateway_stack(kind="harbor", authority=authority) as found:
        pushed = push(found, repository)
        assert found.run(found.member.manifests(repository)) == {pushed}


def test_an_authority_that_is_not_the_operators_signs_for_nobody(
    repository: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with gateway_stack(kind="harbor", authority=Authority(), trusted=Authority()) as found:
        with pytest.raises(RegistryDownError, match="CERTIFICATE_VERIFY_FAILED"):
            found.run(found.member.authorization(repository, ("pull",)))
        monkeypatch.setattr(found.member, "authorization", _any)  # as if the token service were believed
        with pytest.raises(RegistryDownError, match="CERTIFICATE_VERIFY_FAILED"):
            found.run(found.member.manifests(repository))
        status, _, _ = found.ask("POST", f"/v2/{repository}/blobs/uploads/", found.token(repository, "push"))
        assert status == 503


async def _any(_repository: str, _actions: tuple[str, ...]) -> str:
    return "Bearer any"
