from loco_server import wiring
from loco_server.identity.github import GitHub
from loco_server.identity.google import Google
from loco_server.identity_settings import GitHubSettings, GoogleSettings, IdentitySettings, SignUp


def test_the_providers_are_those_that_are_configured() -> None:
    github, google = GitHubSettings("c"), GoogleSettings("c", "s")
    assert wiring._providers(IdentitySettings()) == {}
    assert [type(each) for each in wiring._providers(IdentitySettings(github, google)).values()] == [GitHub, Google]
    assert list(wiring._providers(IdentitySettings(google=google))) == ["google"]


def test_github_shows_organisations_only_where_they_decide_who_signs_up() -> None:
    for mode, asked in (("open", False), ("organization", True)):
        found = wiring._providers(IdentitySettings(GitHubSettings("c"), sign_up=SignUp(mode)))["github"]
        assert isinstance(found, GitHub)
        assert found._organizations is asked
