import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from loco_server.gateway.decision import Allow, Challenge, Deny, Request, decide
from loco_server.gateway.tokens import Claims
from loco_server.registries.base import Action

OWN = "acme/shop-abcdefghij"
DIGEST = "sha256:" + "a" * 64
UPLOAD = f"/v2/{OWN}/blobs/uploads/6b3c9a93-af5d-473f-a4c0-9a2b1f2d8c11"
CHALLENGE = Challenge(realm="http://server/registry/token", service="loco-registry")


def claims(*actions: Action) -> Claims:
    return Claims(ticket="t", repository=OWN, actions=actions, deployment_key="abcdefghij-v1")


def asked(
    method: str,
    target: str,
    *actions: Action,
    closed: str = "",
    read_only: bool = False,
    anonymous: bool = False,
    full: bool = False,
) -> Allow | Deny:
    path, _, query = target.partition("?")
    return decide(
        Request(method, path, query),
        None if anonymous else claims(*actions),
        is_closed=lambda key: key == closed,
        read_only=read_only,
        challenge=CHALLENGE,
        full=full,
    )


def refused(answer: Allow | Deny) -> tuple[int, str]:
    assert isinstance(answer, Deny)
    return answer.status, answer.code


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("HEAD", f"/v2/{OWN}/blobs/{DIGEST}"),
        ("HEAD", f"/v2/{OWN}/manifests/v1"),
        ("HEAD", f"/v2/{OWN}/manifests/{DIGEST}"),
    ],
)
def test_a_push_token_sees_what_is_there(method: str, target: str) -> None:
    assert asked(method, target, "push") == Allow(OWN, ("pull",))


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST", f"/v2/{OWN}/blobs/uploads/"),
        ("POST", f"/v2/{OWN}/blobs/uploads/?digest={DIGEST}"),
        ("PATCH", f"{UPLOAD}?_state=abc%3D"),
        ("PUT", f"{UPLOAD}?_state=abc%3D&digest=sha256%3A{'a' * 64}"),
        ("GET", f"{UPLOAD}?_state=x"),
        ("DELETE", UPLOAD),
        ("PUT", f"/v2/{OWN}/manifests/v1"),
    ],
)
def test_a_push_token_writes_except_while_the_registry_is_read_only(method: str, target: str) -> None:
    assert asked(method, target, "push") == Allow(OWN, ("push",))
    later = asked(method, target, "push", read_only=True)
    assert refused(later) == (503, "UNAVAILABLE")
    assert isinstance(later, Deny)
    assert later.headers == {"Retry-After": "5"}


@pytest.mark.parametrize(
    ("method", "target", "status", "code"),
    [
        ("GET", f"/v2/{OWN}/blobs/{DIGEST}", 404, "BLOB_UNKNOWN"),
        ("GET", f"/v2/{OWN}/manifests/v1", 404, "MANIFEST_UNKNOWN"),
        ("GET", f"/v2/{OWN}/referrers/{DIGEST}", 404, "MANIFEST_UNKNOWN"),
        ("GET", f"/v2/{OWN}/tags/list", 404, "NAME_UNKNOWN"),
        ("HEAD", f"/v2/{OWN}/tags/list", 404, "NAME_UNKNOWN"),
        ("HEAD", f"/v2/{OWN}/manifests/v1?x=1", 404, "MANIFEST_UNKNOWN"),
        ("GET", "/v2/_catalog", 404, "NAME_UNKNOWN"),
        ("GET", f"/v2/{OWN}/blobs/uploads/", 404, "NAME_UNKNOWN"),
        ("DELETE", f"/v2/{OWN}/manifests/{DIGEST}", 405, "UNSUPPORTED"),
        ("PATCH", f"/v2/{OWN}/manifests/v1", 405, "UNSUPPORTED"),
        ("GET", f"/v2/rival/shop-x/blobs/{DIGEST}", 404, "NAME_UNKNOWN"),
        ("POST", "/v2/rival/shop-x/blobs/uploads/", 403, "DENIED"),
        ("PUT", f"/v2/{OWN}/evil/manifests/v1", 403, "DENIED"),
        ("POST", f"/v2/{OWN}/blobs/uploads/?mount={DIGEST}&from=rival/shop-x", 401, "UNAUTHORIZED"),
        ("POST", f"/v2/{OWN}/blobs/uploads/?from", 401, "UNAUTHORIZED"),
        ("POST", f"/v2/{OWN}/blobs/uploads/?%6dount={DIGEST}", 400, "UNSUPPORTED"),
        ("PUT", f"{UPLOAD}?mount={DIGEST}", 400, "UNSUPPORTED"),
        ("GET", "/v2/?n=1", 404, "NAME_UNKNOWN"),
        ("POST", "/v2/", 404, "NAME_UNKNOWN"),
        ("GET", f"/v2/{'a' * 256}/tags/list", 404, "NAME_UNKNOWN"),
        ("GET", f"/v2/{'a/' * 600}tags/list", 404, "NAME_UNKNOWN"),
    ],
)
def test_a_push_token_is_good_for_nothing_else(method: str, target: str, status: int, code: str) -> None:
    assert refused(asked(method, target, "push")) == (status, code)


@pytest.mark.parametrize(
    "path",
    [
        f"/v2/{OWN}/../{OWN}/manifests/v1",
        f"/v2/acme/./shop-abcdefghij/blobs/{DIGEST}",
        f"/v2//{OWN}/manifests/v1",
        f"/v2/{OWN}//manifests/v1",
        f"/v2/{OWN}/manifests/%2e%2e",
        f"/v2/{OWN.replace('/', '%2f')}/manifests/v1",
        f"/v2/{OWN}/manifests/..",
        f"/v2/{OWN}/blobs/uploads/..",
        f"/v2/{OWN}/blobs/uploads/.hidden",
        f"/v2/{OWN}/manifests/v1\n",
        f"/v2/{OWN.upper()}/manifests/v1",
        f"/v2/{OWN}/manifests/\u0661",
        f"v2/{OWN}/manifests/v1",
        f"/V2/{OWN}/manifests/v1",
    ],
)
@pytest.mark.parametrize("method", ["HEAD", "PUT", "PATCH", "GET"])
def test_a_path_outside_the_grammar_names_nothing(method: str, path: str) -> None:
    assert refused(asked(method, path, "push", "pull")) == (404, "NAME_UNKNOWN")


def test_a_pull_token_reads() -> None:
    for target in (f"blobs/{DIGEST}", "manifests/v1", "tags/list?n=100&last=v1", f"referrers/{DIGEST}?artifactType=x"):
        for method in ("GET", "HEAD"):
            assert asked(method, f"/v2/{OWN}/{target}", "pull", read_only=True) == Allow(OWN, ("pull",))
    assert refused(asked("GET", f"/v2/{OWN}/manifests/v1?ns=x", "pull")) == (400, "UNSUPPORTED")


@pytest.mark.parametrize("target", ["blobs/uploads/", "blobs/uploads/abc", "manifests/v1"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_pull_token_writes_nothing(method: str, target: str) -> None:
    answer = asked(method, f"/v2/{OWN}/{target}", "pull")
    assert isinstance(answer, Deny)
    assert (answer.status, 'error="insufficient_scope"' in answer.headers["Www-Authenticate"]) == (401, True)


def test_a_pull_token_sees_no_upload() -> None:
    assert refused(asked("GET", UPLOAD, "pull")) == (401, "UNAUTHORIZED")


def test_a_token_without_actions_signs_in_and_no_more() -> None:
    assert asked("GET", "/v2/") == Allow(OWN, ())
    assert asked("HEAD", "/v2") == Allow(OWN, ())
    assert refused(asked("GET", f"/v2/{OWN}/manifests/v1")) == (401, "UNAUTHORIZED")


def test_without_a_token_one_is_told_where_to_buy_it() -> None:
    answer = asked("PUT", f"/v2/{OWN}/manifests/v1", anonymous=True)
    assert isinstance(answer, Deny)
    assert answer.headers["Www-Authenticate"] == (
        f'Bearer realm="http://server/registry/token",service="loco-registry",scope="repository:{OWN}:pull,push"'
    )
    ping = asked("GET", "/v2/", anonymous=True)
    assert isinstance(ping, Deny)
    assert ping.headers["Www-Authenticate"] == 'Bearer realm="http://server/registry/token",service="loco-registry"'
    assert refused(asked("GET", "/v2/_catalog", anonymous=True)) == (401, "UNAUTHORIZED")


def test_without_room_no_layer_is_begun_and_what_is_on_its_way_arrives() -> None:
    answer = asked("POST", f"/v2/{OWN}/blobs/uploads/", "push", full=True)
    assert isinstance(answer, Deny)
    assert (answer.status, answer.code) == (403, "DENIED")
    assert "no space left" in answer.message
    assert asked("PATCH", UPLOAD, "push", full=True) == Allow(OWN, ("push",))
    assert asked("GET", f"/v2/{OWN}/manifests/v1", "pull", full=True) == Allow(OWN, ("pull",))


def test_a_closed_deployments_token_buys_nothing_not_even_the_ping() -> None:
    for target in ("/v2/", f"/v2/{OWN}/manifests/v1"):
        answer = asked("GET", target, "push", closed="abcdefghij-v1")
        assert isinstance(answer, Deny)
        assert (answer.status, 'error="invalid_token"' in answer.headers["Www-Authenticate"]) == (401, True)


segments = st.sampled_from(
    ["v2", "acme", "shop-abcdefghij", "rival", "blobs", "uploads", "manifests", "tags", "list", "..", "", "v1", DIGEST]
)


@given(st.lists(segments, max_size=9), st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]))
@example(["v2", "acme", "shop-abcdefghij", "manifests", "v1"], "PUT")
def test_whatever_is_allowed_lies_in_the_own_repository_and_reads_no_content(parts: list[str], method: str) -> None:
    path = "/" + "/".join(parts)
    answer = asked(method, path, "push")
    if isinstance(answer, Allow) and answer.actions:
        assert path.startswith(f"/v2/{OWN}/")
        assert ".." not in path
        assert "//" not in path
        assert method != "GET" or "/blobs/uploads/" in path
