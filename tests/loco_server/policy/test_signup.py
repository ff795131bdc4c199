import pytest

from loco_server.identity.base import Identity
from loco_server.identity_settings import SignUp
from loco_server.policy.signup import refusal

NEWCOMER = Identity(
    "github", "1", "ann", email="ann@acme.com", domain="acme.com", organizations=frozenset({"acme", "7"})
)


def test_an_open_server_takes_everybody() -> None:
    assert refusal(SignUp("open"), Identity("google", "1", "x"), invited=False) is None


@pytest.mark.parametrize("policy", [SignUp(), SignUp("domain", domains=("b.com",)), SignUp("organization", (), ("b",))])
def test_an_invitation_and_the_servers_own_machine_open_every_policy(policy: SignUp) -> None:
    assert refusal(policy, NEWCOMER, invited=True) is None
    assert refusal(policy, Identity("local", "ann", "ann"), invited=False) is None
    assert refusal(policy, NEWCOMER, invited=False) is not None


def test_by_default_only_the_invited_sign_up() -> None:
    assert refusal(SignUp(), NEWCOMER, invited=False) == "this server is for people who are invited"


def test_a_domain_is_the_whole_one_that_the_provider_vouches_for() -> None:
    policy = SignUp("domain", domains=("acme.com", "acme.org"))
    assert refusal(policy, NEWCOMER, invited=False) is None
    for domain in (None, "evil-acme.com", "sub.acme.com", "acme.com.evil"):
        found = refusal(policy, Identity("google", "1", "x", email="x@acme.com", domain=domain), invited=False)
        assert found is not None
        assert "acme.com or acme.org" in found


@pytest.mark.parametrize("organization", ["acme", "7"])
def test_an_organisation_counts_by_name_or_number(organization: str) -> None:
    assert refusal(SignUp("organization", organizations=(organization,)), NEWCOMER, invited=False) is None


def test_somebody_elses_organisation_does_not_count() -> None:
    found = refusal(SignUp("organization", organizations=("other",)), NEWCOMER, invited=False)
    assert found == "this server is for members of other on GitHub"
