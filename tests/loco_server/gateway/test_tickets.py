import pytest

from loco_server.gateway.closed import ClosedDeployments
from loco_server.gateway.scopes import granted
from loco_server.gateway.tickets import (
    Grant,
    PullTickets,
    deployment_key,
    parse_deployment_key,
    parse_pull_username,
    pull_key,
)

GRANT = Grant("acme/shop-abcdefghij", ("push",), "abcdefghij-v1")


def test_a_pull_ticket_is_good_for_its_app_and_generation_only() -> None:
    tickets = PullTickets(b"k" * 32)
    username, password = tickets.make("abcdefghij", 3)
    assert parse_pull_username(username) == "abcdefghij"
    assert tickets.check("abcdefghij", 3, password)
    assert not tickets.check("abcdefghij", 4, password)
    assert not tickets.check("bbcdefghij", 3, password)
    assert not tickets.check("abcdefghij", 3, "ü")
    assert not PullTickets(b"x" * 32).check("abcdefghij", 3, password)


def test_usernames_are_told_apart() -> None:
    assert parse_deployment_key(deployment_key("abcdefghij", 12)) == ("abcdefghij", 12)
    for text in ("", "abcdefghij", "abcdefghij-v0", "abcdefghij-v01", "pull-abcdefghij", "abcdefghij-v1\n"):
        assert parse_deployment_key(text) is None


def test_each_generation_of_pulls_has_a_name_of_its_own() -> None:
    assert pull_key("abcdefghij", 1) != pull_key("abcdefghij", 2) != pull_key("bbcdefghij", 2)
    for text in ("", "pull-", "pull-abc", "abcdefghij-v1", "pull-abcdefghij\n"):
        assert parse_pull_username(text) is None


def test_a_closed_deployment_stays_closed_for_as_long_as_a_token_could_be_young() -> None:
    now = 0.0
    closed = ClosedDeployments(keep_seconds=300, clock=lambda: now)
    closed.close("a-v1")
    now = 299.0
    assert closed.is_closed("a-v1")
    assert not closed.is_closed("a-v2")
    now = 301.0
    assert not closed.is_closed("a-v1")
    closed.close("b-v1")
    assert closed._until.keys() == {"b-v1"}


@pytest.mark.parametrize(
    ("scopes", "actions"),
    [
        (["repository:acme/shop-abcdefghij:pull,push"], ("push",)),
        (["repository:acme/shop-abcdefghij:push,pull", "repository:rival/x:pull"], ("push",)),
        (["repository:rival/x:push repository:acme/shop-abcdefghij:*"], ("push",)),
        (["repository(plugin):acme/shop-abcdefghij:push"], ("push",)),
        (["repository:acme/shop-abcdefghij:pull"], ()),
        (["repository:host:5000/acme/shop-abcdefghij:push"], ()),
        (["repository:acme/shop-abcdefghij/evil:push"], ()),
        (["registry:catalog:*", "", "nonsense", "repository:acme/shop-abcdefghij"], ()),
        ([], ()),
    ],
)
def test_what_is_asked_for_is_cut_to_what_is_granted(scopes: list[str], actions: tuple[str, ...]) -> None:
    assert granted(scopes, GRANT) == actions
